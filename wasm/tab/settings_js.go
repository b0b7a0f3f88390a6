package tab

import (
	"encoding/json"
	"syscall/js"
)

// settings_js.go: settings are one browser's, kept in localStorage, so that all
// its tabs do the same whichever of them leads.

const settingsKey = "tabraft/settings"

// storedSettings are those of this browser; the default ones if it has none, or
// none that can be read.
func storedSettings() Settings {
	s := DefaultSettings
	throws(func() {
		if text := js.Global().Get("localStorage").Call("getItem", settingsKey); text.Type() == js.TypeString {
			stored := s
			if json.Unmarshal([]byte(text.String()), &stored) == nil {
				s = stored
			}
		}
	})
	return s.sound()
}

// ChooseSettings is SetSettings for all tabs of this browser, now and later.
func (s *Server) ChooseSettings(to Settings) {
	s.SetSettings(to)
	text, err := json.Marshal(s.Settings())
	if err != nil {
		panic(err) // our own type
	}
	throws(func() { js.Global().Get("localStorage").Call("setItem", settingsKey, string(text)) })
}
