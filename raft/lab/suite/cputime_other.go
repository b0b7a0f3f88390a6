//go:build !unix

package suite

import "time"

// processorTime would be how long this process has had a processor; it is the
// time since it began where that is not to be had.
func processorTime() time.Duration { return time.Since(started) }
