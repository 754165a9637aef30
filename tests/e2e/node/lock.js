// Writes package-lock.json anew: `npm run lock`.
//
// The lock file names packages, versions and checksums, not where they were downloaded from, so that it holds for every
// registry. npm's own omit-lockfile-registry-resolved does that too, but forgets the versions of the optional packages
// of other platforms, after which `npm ci` refuses the file.
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

process.chdir(__dirname);
fs.rmSync('node_modules', { recursive: true, force: true });
fs.rmSync('package-lock.json', { force: true });
execFileSync('npm', ['install', '--package-lock-only', '--omit-lockfile-registry-resolved=false'], { stdio: 'inherit' });

const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
fs.writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
