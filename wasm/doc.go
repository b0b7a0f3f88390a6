//go:build !js

// Command wasm is the program in a tab and builds for GOOS=js only.
package main

func main() {
	println("this program runs in a browser tab: build it with GOOS=js GOARCH=wasm (make wasm)")
}
