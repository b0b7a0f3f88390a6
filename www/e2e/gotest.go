package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// goTestTimeout bounds one test binary in a tab.
const goTestTimeout = 4 * time.Minute

// goTestPage runs test.wasm. What the program writes goes, in order, to the
// binding e2eOutput; the page keeps the exit code. The binding e2eClearData deletes what
// the page stored in IndexedDB.
const goTestPage = `<!doctype html><title>go test</title>
<script src="wasm_exec.js"></script>
<script>
const decoder = new TextDecoder();
fs.writeSync = (fd, bytes) => { e2eOutput(decoder.decode(bytes, {stream: true})); return bytes.length; };
window.runTests = async (args) => {
  const go = new Go();
  let code = 0;
  go.argv = args;
  go.exit = (c) => { code = c; };
  const {instance} = await WebAssembly.instantiateStreaming(fetch("test.wasm"), go.importObject);
  await go.run(instance);
  return code;
};
</script>`

// runGoTest compiles the tests of a package of the main module for GOOS=js and
// runs them in a tab of a fresh browser, printing what they print. A quota
// above zero is what the browser lets the page store, in bytes.
func runGoTest(t *testing.T, packagePath string, quota float64, arguments ...string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "test.wasm")
	build := exec.Command("go", "test", "-c", "-o", binary, packagePath)
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile the tests of %s: %v\n%s", packagePath, err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("%s has no tests for GOOS=js", packagePath)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, goTestPage)
	})
	serveFile(mux, "/wasm_exec.js", filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	serveFile(mux, "/test.wasm", binary)
	site := httptest.NewServer(mux)
	defer site.Close()

	b := startBrowser(t, browserOptions{})
	tb := b.open("about:blank")
	origin := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	bind(tb, "e2eOutput", func(text string) { io.WriteString(t.Output(), text) })
	bind(tb, "e2eClearData", func(string) {
		go call(tb, storage.ClearDataForOrigin, storage.ClearDataForOriginParams{Origin: origin, StorageTypes: "indexeddb"})
	})
	if quota > 0 {
		mustCall(tb, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: origin, QuotaSize: &quota})
	}
	tb.navigate(origin + "/")
	waitFor(t, "the test page to load", loadTimeout, func() error {
		return tb.tryEval("runTests.name", nil)
	})
	var code int
	args := append([]string{"test.wasm", "-test.v", "-test.timeout=" + goTestTimeout.String()}, arguments...)
	encoded, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	err = tb.evalWithin(goTestTimeout+callTimeout, fmt.Sprintf("runTests(%s)", encoded), &code)
	if err != nil {
		t.Fatalf("the tests of %s did not end: %v", packagePath, err)
	}
	if code != 0 {
		t.Fatalf("the tests of %s failed with exit code %d", packagePath, code)
	}
}

func serveFile(mux *http.ServeMux, path, file string) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
}

// bind gives the page a function of one text, which is handed to f. The events of a call
// arrive before the call's answer, so f must not wait for the browser.
func bind(tb *tab, name string, f func(text string)) {
	tb.browser.t.Helper()
	mustCall(tb, runtime.AddBinding, runtime.AddBindingParams{Name: name})
	err := chromedp.Listen(tb.ctx, func(event any) {
		if called, ok := event.(*runtime.EventBindingCalled); ok && called.Name == name {
			f(called.Payload)
		}
	})
	if err != nil {
		tb.browser.t.Fatal(err)
	}
}
