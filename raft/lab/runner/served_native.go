//go:build !js

package runner

// served tells that there is no page around the program.
func served(any) bool { return false }
