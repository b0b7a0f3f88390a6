package sim

import "testing"

// BenchmarkRun: deliveries a second on one core, all rules checked.
func BenchmarkRun(b *testing.B) {
	var sum Stats
	for i := range b.N {
		r, err := Run(Draw(uint64(i%64)+1, 20_000), nil)
		if err != nil || r.Broken != nil {
			b.Fatal(err, r.Broken)
		}
		sum.Add(&r.Stats)
	}
	b.ReportMetric(float64(sum[Delivered])/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64(sum[Steps])/b.Elapsed().Seconds(), "events/s")
}
