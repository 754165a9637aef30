export default {
  cacheDir: '.vite',
  server: {
    // Vite answers only for hosts it knows: localhost and what is listed here. A leading dot means "and below".
    allowedHosts: process.env.ALLOWED_HOSTS ? process.env.ALLOWED_HOSTS.split(',') : [],
  },
};
