package www

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func builtTree() fstest.MapFS {
	return fstest.MapFS{
		".gitkeep":                 {},
		"index.html":               {Data: []byte("<!doctype html>page")},
		"index.html.gz":            {Data: []byte("page as gzip")},
		"index.html.br":            {Data: []byte("page as brotli")},
		"assets/main-0123.js":      {Data: []byte("main()")},
		"assets/main-0123.js.gz":   {Data: []byte("main as gzip")},
		"assets/main-0123.js.br":   {Data: []byte("main as brotli")},
		"assets/tab-4567.wasm":     {Data: []byte("\x00asm")},
		"assets/icon-89ab.svg":     {Data: []byte("<svg/>")},
		"assets/style-cdef.css":    {Data: []byte("a{}")},
		"assets/style-cdef.css.gz": {Data: []byte("style as gzip")},
	}
}

func ask(t *testing.T, tree fstest.MapFS, method, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	newSite(tree).ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestEncodingFollowsAcceptEncoding(t *testing.T) {
	const script, style = "/assets/main-0123.js", "/assets/style-cdef.css"
	for _, c := range []struct{ target, accept, encoding, body string }{
		{script, "gzip, deflate, br, zstd", "br", "main as brotli"},
		{script, "gzip, deflate", "gzip", "main as gzip"},
		{script, "br;q=0, gzip;q=0.5", "gzip", "main as gzip"},
		{script, "GZIP ; Q=1", "gzip", "main as gzip"},
		{script, "*", "br", "main as brotli"},
		{script, "br;q=0, *", "gzip", "main as gzip"},
		{script, "br;q=nonsense", "", "main()"},
		{script, "identity", "", "main()"},
		{script, "", "", "main()"},
		{style, "br", "", "a{}"},
		{style, "br, gzip", "gzip", "style as gzip"},
		{"/", "br", "br", "page as brotli"},
		{"/index.html", "gzip", "gzip", "page as gzip"},
	} {
		response, body := ask(t, builtTree(), "GET", c.target, "Accept-Encoding", c.accept)
		if response.StatusCode != 200 || body != c.body || response.Header.Get("Content-Encoding") != c.encoding {
			t.Errorf("GET %s accepting %q: %d, encoding %q, body %q; want encoding %q, body %q", c.target, c.accept,
				response.StatusCode, response.Header.Get("Content-Encoding"), body, c.encoding, c.body)
		}
		if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("GET %s: Vary is %q", c.target, got)
		}
		if got := response.ContentLength; got != int64(len(body)) {
			t.Errorf("GET %s: Content-Length is %d for %d bytes", c.target, got, len(body))
		}
	}
}

// A page has one address: another's file name is none.
func TestOtherPages(t *testing.T) {
	tree := builtTree()
	tree["lab.html"] = &fstest.MapFile{Data: []byte("the lab")}
	if response, _ := ask(t, tree, "GET", "/lab.html"); response.StatusCode != http.StatusNotFound {
		t.Errorf("GET /lab.html: %d", response.StatusCode)
	}
	w := httptest.NewRecorder()
	newSite(tree).answer(w, httptest.NewRequest("GET", "/lab/", nil), "lab.html")
	if w.Code != http.StatusOK || w.Body.String() != "the lab" {
		t.Errorf("the lab's page: %d, %q", w.Code, w.Body)
	}
}

func TestTypesAndCaching(t *testing.T) {
	for _, c := range []struct{ target, contentType, cache string }{
		{"/", "text/html; charset=utf-8", cacheAsk},
		{"/assets/main-0123.js", "text/javascript; charset=utf-8", cacheForever},
		{"/assets/tab-4567.wasm", "application/wasm", cacheForever},
		{"/assets/style-cdef.css", "text/css; charset=utf-8", cacheForever},
		{"/assets/icon-89ab.svg", "image/svg+xml", cacheForever},
	} {
		response, _ := ask(t, builtTree(), "GET", c.target)
		if got := response.Header.Get("Content-Type"); got != c.contentType {
			t.Errorf("%s has type %q, want %q", c.target, got, c.contentType)
		}
		if got := response.Header.Get("Cache-Control"); got != c.cache {
			t.Errorf("%s is cached as %q, want %q", c.target, got, c.cache)
		}
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	first, _ := ask(t, builtTree(), "GET", "/", "Accept-Encoding", "gzip")
	etag := first.Header.Get("ETag")
	again, body := ask(t, builtTree(), "GET", "/", "Accept-Encoding", "gzip", "If-None-Match", `"other", W/`+etag)
	if again.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("asking again with %s: %d %q, want 304 and nothing", etag, again.StatusCode, body)
	}
	if again.Header.Get("ETag") != etag || again.Header.Get("Vary") == "" || again.Header.Get("Cache-Control") == "" {
		t.Errorf("a 304 must repeat ETag, Vary and Cache-Control: %v", again.Header)
	}
	plain, _ := ask(t, builtTree(), "GET", "/", "If-None-Match", etag)
	if plain.StatusCode != 200 {
		t.Errorf("the tag of the gzip form matched the plain form: %d", plain.StatusCode)
	}
	changed := builtTree()
	changed["index.html"] = &fstest.MapFile{Data: []byte("new page")}
	fresh, _ := ask(t, changed, "GET", "/", "Accept-Encoding", "gzip", "If-None-Match", etag)
	if fresh.StatusCode != 200 {
		t.Errorf("a changed page answered %d to the old tag", fresh.StatusCode)
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	for _, tree := range []fstest.MapFS{builtTree(), {".gitkeep": {}}} {
		for _, target := range []string{"/", "/assets/main-0123.js", "/nothing"} {
			response, _ := ask(t, tree, "GET", target)
			policy := response.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe-inline") {
				t.Errorf("%s has the policy %q", target, policy)
			}
			if response.Header.Get("X-Content-Type-Options") != "nosniff" || response.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s lacks a header: %v", target, response.Header)
			}
		}
	}
}

func TestNotFound(t *testing.T) {
	for _, target := range []string{"/nothing", "/assets/", "/assets/main-9999.js", "/assets/main-0123.js.br", "/.gitkeep", "/../www.go"} {
		response, body := ask(t, builtTree(), "GET", target)
		if response.StatusCode != 404 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("GET %s: %d %s %q, want a plain 404", target, response.StatusCode, response.Header.Get("Content-Type"), body)
		}
	}
}

func TestMethods(t *testing.T) {
	head, body := ask(t, builtTree(), "HEAD", "/", "Accept-Encoding", "br")
	if head.StatusCode != 200 || body != "" || head.Header.Get("Content-Length") != "14" {
		t.Errorf("HEAD /: %d, %q, length %s", head.StatusCode, body, head.Header.Get("Content-Length"))
	}
	post, _ := ask(t, builtTree(), "POST", "/")
	if post.StatusCode != http.StatusMethodNotAllowed || post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /: %d, Allow %q", post.StatusCode, post.Header.Get("Allow"))
	}
}

func TestWithoutPageSaysWhatToDo(t *testing.T) {
	tree := fstest.MapFS{".gitkeep": {}}
	if newSite(tree).built() {
		t.Error("an empty tree counts as built")
	}
	response, body := ask(t, tree, "GET", "/")
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "<code>make</code>") {
		t.Errorf("GET / before a build: %d %q", response.StatusCode, body)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the answer may be cached: %q", got)
	}
}

// The program compiles and answers whether or not the page was built.
func TestEmbedded(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	want := http.StatusServiceUnavailable
	if Built() {
		want = http.StatusOK
	}
	if w.Code != want {
		t.Errorf("GET / of the embedded page: %d, want %d", w.Code, want)
	}
	html := w.Body.String()
	if Built() && regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script>`).MatchString(html) {
		t.Errorf("the policy forbids inline script and style, and the page has some:\n%s", html)
	}
	for _, name := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(html, -1) {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", name, nil))
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("the page names %s, which answers %d with %d bytes", name, w.Code, w.Body.Len())
		}
	}
}
