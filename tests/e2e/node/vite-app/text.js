export const text = 'as it was';
