package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"tabraft/raft/lab/kit"
	"tabraft/raft/lab/suite"
	"tabraft/raft/lab/suite/seeded"
	"tabraft/www"
)

// Addresses of the lab.
//
//	/lab/             the page that runs the tests
//	/lab/room         a tab of a room
//	/lab/status       the student's package, and how its build stands: labStatus
//	/lab/room/status  the same for the program of a room
//	/lab/program/HASH.wasm
//	/lab/wasm_exec.js, /lab/seeded.js
const (
	labPath     = "/lab/"
	roomPath    = "/lab/room"
	programPath = "/lab/program/"
)

func (l *labPage) mount(mux *http.ServeMux) {
	mux.Handle("/lab", http.RedirectHandler(labPath, http.StatusMovedPermanently))
	mux.Handle(labPath+"{$}", www.Page("lab.html"))
	mux.Handle(roomPath, www.Page("lab-room.html"))
	mux.HandleFunc("GET "+labPath+"status", func(w http.ResponseWriter, r *http.Request) {
		l.suite.Want()
		l.status(w, &l.suite, nil)
	})
	mux.HandleFunc("GET "+roomPath+"/status", func(w http.ResponseWriter, r *http.Request) {
		if l.roomErr == nil {
			l.room.Want()
		}
		l.status(w, &l.room, l.roomErr)
	})
	mux.HandleFunc("GET "+programPath, l.program)
	mux.HandleFunc("GET "+labPath+"wasm_exec.js", script(l.wasmExec))
	mux.HandleFunc("GET "+labPath+"seeded.js", script([]byte(seeded.JS)))
}

// labStatus is what pages ask for again and again.
type labStatus struct {
	Package string `json:"package"`
	Folder  string `json:"folder"`
	// Program is the address of the last good build, empty if there was none.
	Program  string `json:"program"`
	Building bool   `json:"building"`
	// Failed is what the compiler says of the files as they are.
	Failed string `json:"failed"`
	// Unavailable says why there will be no program.
	Unavailable string    `json:"unavailable"`
	Tests       []labTest `json:"tests,omitempty"`
}

type labTest struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Part    string `json:"part"`
	Title   string `json:"title"`
	Servers int    `json:"servers"`
}

func (l *labPage) status(w http.ResponseWriter, p *kit.Program, unavailable error) {
	state := p.State()
	s := labStatus{Package: l.pkg.Import, Folder: l.pkg.Dir, Building: state.Building, Failed: state.Failed}
	if unavailable != nil {
		s.Unavailable = unavailable.Error()
	}
	if state.Good != nil {
		s.Program = programPath + state.Good.Hash + ".wasm"
	}
	if p == &l.suite {
		for _, c := range suite.Cases() {
			s.Tests = append(s.Tests, labTest{c.ID(), c.Name, string(c.Part), c.Title, c.Servers})
		}
	}
	www.SetPolicy(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s) // the client went away: nobody to tell
}

// program serves the last good builds, and the ones before them.
func (l *labPage) program(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	www.SetPolicy(h)
	hash, _ := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, programPath), ".wasm")
	for _, p := range []*kit.Program{&l.suite, &l.room} {
		state := p.State()
		for _, b := range []*kit.Build{state.Good, state.Before} {
			if b == nil || b.Hash != hash {
				continue
			}
			body := b.Wasm
			h.Set("Vary", "Accept-Encoding")
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				body = b.Gzip
			}
			h.Set("Content-Type", "application/wasm")
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = w.Write(body)
			return
		}
	}
	http.Error(w, "404: this build is gone; reload the page", http.StatusNotFound)
}

func script(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		www.SetPolicy(w.Header())
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(body)
	}
}
