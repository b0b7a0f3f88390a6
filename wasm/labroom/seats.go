package labroom

import "slices"

// Seats of a room.
const (
	MinSeats     = 1
	MaxSeats     = 9
	DefaultSeats = 3
)

// order gives the seats that a new tab should try to claim, best first:
//
//   - the one it had before a reload (own, -1 for none), if it is stored;
//   - those that this browser has the state of, the last used first: their tabs may be
//     gone, and then that server restarts;
//   - those that this browser has nothing of and where nobody is present: new servers.
//
// A seat where somebody of another browser sits is never taken, nor one whose state
// is elsewhere as long as its tab lives.
func order(seats, own int, used map[int]float64, present map[int]bool) []int {
	var stored, fresh []int
	for seat := range seats {
		if _, ok := used[seat]; ok {
			stored = append(stored, seat)
		} else if !present[seat] {
			fresh = append(fresh, seat)
		}
	}
	slices.SortStableFunc(stored, func(a, b int) int {
		switch {
		case a == own || b != own && used[a] > used[b]:
			return -1
		case b == own || used[a] < used[b]:
			return 1
		}
		return 0
	})
	return append(stored, fresh...)
}
