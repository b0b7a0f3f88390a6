// Package www holds the page and serves it.
//
// `make` bundles www/src, compiles the tab's program to wasm and lets www/pack
// write the result into dist, which is embedded here: index.html at the top,
// everything else under assets/ with a hash of its content in its name, and
// beside each file its .gz and .br forms where those are smaller. The hash
// lets browsers keep assets for ever; index.html, which names them, is asked
// for each time and answered with 304 if it did not change.
//
// dist itself is not in git. Before the first build it is empty, and the
// handler answers with what to do.
package www

import (
	"embed"
	"io/fs"
	"net/http"
	"sync"
)

// The directory always exists, since dist/.gitkeep is in git.
//
//go:embed all:dist
var embedded embed.FS

var page = sync.OnceValue(func() *site {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, which is all that Sub checks
	}
	return newSite(dist)
})

// Handler serves the embedded page at /. Every answer has a strict content
// security policy; what does not exist is a plain 404.
func Handler() http.Handler { return page() }

// Page serves another embedded page, such as lab.html, wherever it is mounted.
func Page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page().answer(w, r, name) })
}

// Built tells whether this program was compiled after the page was built.
func Built() bool { return page().built() }
