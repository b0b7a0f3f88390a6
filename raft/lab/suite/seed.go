package suite

import "math/rand"

// seedGlobal seeds the functions of math/rand that students' election timeouts
// come from. They are the process's, so one run at a time can be seeded.
// The functions of math/rand/v2 cannot be seeded; neither can the order in which
// Go runs goroutines, chooses among ready cases of a select, and walks maps.
func seedGlobal(seed uint64) {
	rand.Seed(int64(seed)) //lint:ignore SA1019 there is no other way to seed a program that uses the package's functions
}
