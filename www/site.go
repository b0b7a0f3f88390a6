package www

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

const (
	indexName    = "index.html"
	assetsPrefix = "assets/"

	cacheForever = "public, max-age=31536000, immutable"
	cacheAsk     = "no-cache"

	// contentPolicy lets the page run its own files and nothing else: no
	// inline script or style, no other site. wasm-unsafe-eval is what
	// compiling WebAssembly needs. ws: and wss: are there for browsers in
	// which 'self' does not cover WebSockets.
	contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; " +
		"connect-src 'self' ws: wss:; img-src 'self' data:; worker-src 'self'; manifest-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// notBuilt is the answer of a server compiled before the page was built.
const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>tabraft: the page is not built</title>
<h1>The page is not built yet</h1>
<p>This server was compiled without its page. In the source folder run <code>make</code>,
which builds the page and then the server, or <code>make run</code>, which also starts it.</p>
</html>
`

// contentTypes are given here and not looked up, since the system's table of
// types differs from machine to machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".wasm": "application/wasm",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// site answers for one tree of files. It is immutable.
type site struct {
	files map[string]*file // by path without the leading slash
}

// file is one resource in up to three encodings.
type file struct {
	contentType  string
	cacheControl string
	etag         string // of the identity form, without quotes
	forms        []form // best first; the last is identity
}

// form is a file under one Content-Encoding; "" is identity.
type form struct {
	encoding string
	body     []byte
}

// encodings are the precompressed forms looked for, best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// newSite reads a tree as www/pack writes it. A file that cannot be read is
// left out, so that a damaged tree gives 404s and no start-up failure.
func newSite(tree fs.FS) *site {
	s := &site{files: make(map[string]*file)}
	_ = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || contentTypes[path.Ext(name)] == "" {
			return nil
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil
		}
		sum := sha256.Sum256(body)
		f := &file{
			contentType:  contentTypes[path.Ext(name)],
			cacheControl: cacheAsk,
			etag:         hex.EncodeToString(sum[:8]),
		}
		if strings.HasPrefix(name, assetsPrefix) {
			f.cacheControl = cacheForever
		}
		for _, e := range encodings {
			if packed, err := fs.ReadFile(tree, name+e.suffix); err == nil {
				f.forms = append(f.forms, form{e.name, packed})
			}
		}
		f.forms = append(f.forms, form{"", body})
		s.files[name] = f
		return nil
	})
	return s
}

func (s *site) built() bool { return s.files[indexName] != nil }

// SetPolicy sets the headers with which every answer to a page goes out.
func SetPolicy(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// ServeHTTP answers for the page at / and for assets. Other pages have addresses
// of their own.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case name == "":
		name = indexName
	case strings.HasSuffix(name, ".html") && name != indexName:
		name = ""
	}
	s.answer(w, r, name)
}

// answer serves the file of a name; there is none without a name.
func (s *site) answer(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	SetPolicy(h)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	if strings.HasSuffix(name, ".html") && !s.built() {
		h.Set("Content-Type", contentTypes[".html"])
		h.Set("Cache-Control", "no-store")
		h.Set("Retry-After", "10")
		w.WriteHeader(http.StatusServiceUnavailable)
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(notBuilt))
		}
		return
	}
	f := s.files[name]
	if f == nil {
		http.Error(w, "404: there is nothing at this address", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	chosen := f.choose(r.Header.Get("Accept-Encoding"))
	etag := f.etag
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", f.cacheControl)
	if chosen.encoding != "" {
		h.Set("Content-Encoding", chosen.encoding)
		etag += "-" + chosen.encoding
	}
	etag = `"` + etag + `"`
	h.Set("ETag", etag)
	if etagListed(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.Itoa(len(chosen.body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(chosen.body) // the client went away: nobody to tell
	}
}

// choose gives the best form that the client accepts, and identity if it
// accepts none: a body it may not expect is better than no page.
func (f *file) choose(acceptEncoding string) form {
	accepted := acceptedEncodings(acceptEncoding)
	for _, candidate := range f.forms {
		if candidate.encoding == "" {
			return candidate
		}
		ok, named := accepted[candidate.encoding]
		if !named {
			ok = accepted["*"]
		}
		if ok {
			return candidate
		}
	}
	return f.forms[len(f.forms)-1]
}

// acceptedEncodings reads an Accept-Encoding header: each coding named, and
// whether it is acceptable, which it is not when its weight is zero.
func acceptedEncodings(header string) map[string]bool {
	accepted := make(map[string]bool)
	for part := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding == "" {
			continue
		}
		weight := 1.0
		if text, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q="); found {
			var err error
			if weight, err = strconv.ParseFloat(text, 64); err != nil {
				weight = 0
			}
		}
		accepted[coding] = weight > 0
	}
	return accepted
}

// etagListed tells whether an If-None-Match header names the tag.
func etagListed(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == etag {
			return true
		}
	}
	return false
}
