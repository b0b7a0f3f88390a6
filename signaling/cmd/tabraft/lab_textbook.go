package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"path/filepath"
	"sync"

	"tabraft/raft/lab/kit"
	"tabraft/www"
)

// textbookLab is the lab with the textbook Raft, beside the page of `tabraft
// serve`. Nothing is looked for or built before somebody opens it. Without
// tabraft's source folder or without Go it says what to do.
type textbookLab struct {
	ctx context.Context // ends the watch over the files
	log io.Writer

	once    sync.Once
	handler http.Handler
}

func (t *textbookLab) mount(mux *http.ServeMux) {
	mux.Handle("/lab", http.RedirectHandler(labPath, http.StatusMovedPermanently))
	mux.Handle(labPath, t)
}

func (t *textbookLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.once.Do(t.open)
	t.handler.ServeHTTP(w, r)
}

func (t *textbookLab) open() {
	l, err := newTextbookLab(t.ctx, t.log)
	if err != nil {
		t.handler = noLab(err)
		return
	}
	mux := http.NewServeMux()
	l.mount(mux)
	t.handler = mux
	go kit.Watch(t.ctx, l.pkg, &l.suite, &l.room)
}

// newTextbookLab makes the lab's page for the textbook Raft.
func newTextbookLab(ctx context.Context, log io.Writer) (*labPage, error) {
	repo, err := findRepository(ctx)
	if err != nil {
		return nil, err
	}
	pkg, err := kit.Find(ctx, filepath.Join(repo, filepath.FromSlash(textbook)))
	if err != nil {
		return nil, err
	}
	return newLabPage(ctx, pkg, repo, nil, log)
}

// noLab answers where there is no lab.
func noLab(why error) http.Handler {
	const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>tabraft: the lab is not here</title>
<h1>The lab is not served here</h1>
<p>It compiles a Raft to test it, for which it needs Go and tabraft's source folder: run <code>make run</code> or
<code>make lab RAFT=./myraft</code> there. What is missing here: %s.</p>
</html>
`
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		www.SetPolicy(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, page, html.EscapeString(why.Error()))
	})
}
