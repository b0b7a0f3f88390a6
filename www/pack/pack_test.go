package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// write makes a file below a folder and gives its path.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	full := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return full
}

// tree reads a folder: path to content.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(filepath.Join(folder, name))
		files[name] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPack(t *testing.T) {
	in, out, cache := t.TempDir(), t.TempDir(), t.TempDir()
	script := strings.Repeat("export const answer = 42;\n", 100)
	inputs := []string{write(t, in, "main.js", script), write(t, in, "tiny.css", "a{}")}
	html := write(t, in, "index.html", `<script src="{{asset "main.js"}}" data-bytes="{{size "main.js"}}"></script>{{asset "tiny.css"}}`)
	write(t, out, ".gitkeep", "")
	write(t, out, "thesis.txt", "mine")
	write(t, cache, "thesis.txt", "mine too")
	write(t, out, "assets/main-old.js", "old")

	if err := run(html, out, cache, false, inputs); err != nil {
		t.Fatal(err)
	}
	files := tree(t, out)
	match := regexp.MustCompile(`^<script src="/(assets/main-[0-9a-f]{12}\.js)" data-bytes="2600"></script>/(assets/tiny-[0-9a-f]{12}\.css)$`).
		FindStringSubmatch(files["index.html"])
	if match == nil {
		t.Fatalf("index.html is %q", files["index.html"])
	}
	main, tiny := match[1], match[2]
	if files[main] != script || files[tiny] != "a{}" {
		t.Errorf("the files named in index.html are not there: %v", files)
	}
	unzipped, err := gzip.NewReader(strings.NewReader(files[main+".gz"]))
	if err != nil {
		t.Fatal(err)
	}
	for form, r := range map[string]io.Reader{"gzip": unzipped, "brotli": brotli.NewReader(strings.NewReader(files[main+".br"]))} {
		body, err := io.ReadAll(r)
		if err != nil || string(body) != script {
			t.Errorf("%s form does not unpack: %v", form, err)
		}
	}
	for name := range files {
		if strings.HasPrefix(name, tiny+".") {
			t.Errorf("%s is there though it is larger than the file itself", name)
		}
	}
	for _, name := range []string{".gitkeep", "thesis.txt"} {
		if _, kept := files[name]; !kept {
			t.Errorf("%s, which is not pack's, was removed", name)
		}
	}
	if _, stale := files["assets/main-old.js"]; stale {
		t.Error("the last build's file was left")
	}

	write(t, in, "main.js", script+"// changed\n")
	if err := run(html, t.TempDir(), cache, false, inputs); err != nil {
		t.Fatal(err)
	}
	if n := len(tree(t, cache)); n != 7 {
		t.Errorf("the cache holds %d files, want two forms of each of 3 files and one that is not pack's", n)
	}
	write(t, in, "main.js", script)

	for _, again := range []struct{ name, cache string }{{"with the cache", cache}, {"without", t.TempDir()}} {
		if err := run(html, out, again.cache, false, inputs); err != nil {
			t.Fatal(err)
		}
		for name, body := range tree(t, out) {
			if files[name] != body {
				t.Errorf("%s differs in a second run %s", name, again.name)
			}
		}
	}
}

func TestFastAndBestAreCachedApart(t *testing.T) {
	in, out, cache := t.TempDir(), t.TempDir(), t.TempDir()
	// Long enough, and varied enough, for the levels to differ.
	var text bytes.Buffer
	for i := range 4000 {
		text.WriteString(thousands(i*i*7919) + " entries replicated\n")
	}
	inputs := []string{write(t, in, "main.js", text.String())}
	html := write(t, in, "index.html", `{{asset "main.js"}}`)
	size := func(fast bool) int {
		if err := run(html, out, cache, fast, inputs); err != nil {
			t.Fatal(err)
		}
		for name, body := range tree(t, out) {
			if strings.HasSuffix(name, ".js.br") {
				return len(body)
			}
		}
		t.Fatal("no brotli form")
		return 0
	}
	if fast, best := size(true), size(false); best >= fast {
		t.Errorf("best level gave %d bytes after a fast run of %d", best, fast)
	}
}

func TestPackRefuses(t *testing.T) {
	in := t.TempDir()
	html := write(t, in, "index.html", `{{asset "gone.js"}}`)
	err := run(html, t.TempDir(), t.TempDir(), true, nil)
	if err == nil || !strings.Contains(err.Error(), `"gone.js"`) {
		t.Errorf("a name that was not given: %v", err)
	}
	err = run(html, t.TempDir(), t.TempDir(), true, []string{filepath.Join(in, "gone.js")})
	if err == nil || !strings.Contains(err.Error(), "is it built?") {
		t.Errorf("a missing input: %v", err)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
