// Package seeded has the JavaScript that makes a Go program under GOOS=js run the same
// way each time: see seeded.js. It is for those who start such programs, not for
// the programs themselves.
package seeded

import _ "embed"

// JS is to be evaluated in a page, a Worker or Node before wasm_exec.js, and then
// seedEverything(seed) called.
//
//go:embed seeded.js
var JS string
