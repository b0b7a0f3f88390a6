package alive

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	ms = time.Millisecond
	s  = time.Second
)

// started is the watch of a link that came up at 0 and sent ping 1.
func started() *Watch {
	w := &Watch{}
	w.Start(0, PingInterval)
	w.Ping(0)
	return w
}

// wake ticks at the watch's own time, and says when that was.
func wake(w *Watch) (time.Duration, Verdict) {
	now := w.Due()
	return now, w.Tick(now)
}

func TestSilenceIsDoubtedAndThenGivenUp(t *testing.T) {
	w := started()
	for i, want := range []struct {
		at      time.Duration
		verdict Verdict
	}{{1 * s, Ask}, {2 * s, Quiet}, {3 * s, Ask}, {4 * s, Ask}, {5 * s, Gone}} {
		if at, got := wake(w); at != want.at || got != want.verdict {
			t.Fatalf("wake %d at %v: %v, expected %v", i, at, got, want)
		}
		if w.Doubted() != (want.at >= 2*s) {
			t.Errorf("at %v doubted is %v", want.at, w.Doubted())
		}
	}
	if w.Since() != 2*s || w.Number() != 5 {
		t.Errorf("doubted since %v, ping %d", w.Since(), w.Number())
	}
}

func TestTooEarlyATickDoesNothing(t *testing.T) {
	w := started()
	before := *w
	if v := w.Tick(s - 1); v != Fine || *w != before {
		t.Errorf("%v, %+v", v, *w)
	}
}

func TestAnythingHeardEndsTheDoubtOfSilence(t *testing.T) {
	w := started()
	w.Tick(s)
	w.Tick(2 * s)
	w.Heard(2500 * ms)
	if w.Doubted() || w.Since() != 2500*ms {
		t.Errorf("doubted %v since %v", w.Doubted(), w.Since())
	}
	// The next silence counts from there.
	if v := w.Tick(4 * s); v != Ask || w.Doubted() {
		t.Errorf("%v, doubted %v", v, w.Doubted())
	}
}

// What is heard may have been under way for long, an answer to a ping of before
// too.
func TestHintWantsAnAnswerToALaterPing(t *testing.T) {
	w := started()
	w.Answered(100*ms, 1)
	if !w.Left(200*ms) || w.Number() != 2 {
		t.Fatalf("not asked; ping %d", w.Number())
	}
	w.Heard(210 * ms)
	w.Answered(220*ms, 1)
	w.Answered(230*ms, 3) // never sent
	if !w.Doubted() {
		t.Error("the doubt has ended")
	}
	w.Answered(240*ms, 2)
	if w.Doubted() || w.RTT() != 40*ms {
		t.Errorf("doubted %v, round trip %v", w.Doubted(), w.RTT())
	}
}

func TestLeftAllowsTwoRoundTrips(t *testing.T) {
	for _, c := range []struct{ rtt, within time.Duration }{
		{0, 50 * ms}, {10 * ms, 70 * ms}, {250 * ms, 550 * ms}, {700 * ms, 550 * ms},
	} {
		w := started()
		w.Answered(c.rtt, 1)
		w.Left(900 * ms)
		if at, v := wake(w); v != Gone || at != 900*ms+c.within {
			t.Errorf("round trip %v: %v after %v, not %v", c.rtt, v, at-900*ms, c.within)
		}
	}
}

// The sooner of two hints stands; a challenge is a new one.
func TestHintDoesNotLengthenASoonerOne(t *testing.T) {
	w := started()
	w.Left(0)
	if w.Hint(10*ms, s) {
		t.Error("asked again")
	}
	if !w.Hint(10*ms, 20*ms) || w.Due() != 30*ms {
		t.Errorf("the sooner hint does not count: due %v", w.Due())
	}
	w.Challenge(10*ms, s)
	if w.Due() != 10*ms+s {
		t.Errorf("due %v", w.Due())
	}
	// A hint hastens a doubt that silence raised.
	w = started()
	w.Tick(s)
	w.Tick(2 * s)
	if !w.Hint(2500*ms, 50*ms) || w.Due() != 2550*ms || w.Since() != 2*s {
		t.Errorf("due %v, doubted since %v", w.Due(), w.Since())
	}
}

// A reason to ask that comes again before the peer has answered, such as a rival that
// signaling lists once more, gives it no more time.
func TestRepeatedChallengesKeepNoDeadPeer(t *testing.T) {
	w := started()
	w.Left(0)
	if !w.Challenge(10*ms, s) {
		t.Fatal("not asked")
	}
	for now := 100 * ms; now < s; now += 100 * ms {
		if w.Challenge(now, s) {
			t.Errorf("asked again at %v", now)
		}
	}
	answered := *w
	answered.Answered(900*ms, w.Number())
	if !answered.Challenge(901*ms, s) {
		t.Error("not asked again after it has answered")
	}
	if at, v := wake(w); v != Gone || at != 1010*ms {
		t.Errorf("%v at %v", v, at)
	}
}

// A side that was suspended finds its deadlines long past, and the answers unread.
func TestSuspendedSideAsksOnceMore(t *testing.T) {
	w := started()
	if v := w.Tick(60 * s); v != Quiet {
		t.Fatalf("%v", v)
	}
	deadline := 60*s + AnswerWithin
	late := *w
	if v := late.Tick(deadline + SuspendedAfter); v != Gone {
		t.Errorf("late by no more than SuspendedAfter: %v", v)
	}
	if v := w.Tick(deadline + SuspendedAfter + 1); v != Ask || w.Due() != deadline+SuspendedAfter+1+PingInterval {
		t.Errorf("%v, due %v", v, w.Due())
	}
	w.Heard(deadline + 2*s)
	if w.Doubted() {
		t.Error("still doubted")
	}
}

func TestSpareIsPingedLessOften(t *testing.T) {
	w := started()
	w.SetInterval(10 * s)
	if w.Due() != 10*s || w.Tick(10*s) != Ask || w.Due() != 20*s || w.Tick(20*s) != Quiet {
		t.Errorf("due %v, doubted %v", w.Due(), w.Doubted())
	}
	// While doubted, the pings asked for stand.
	due := w.Due()
	w.SetInterval(PingInterval)
	if w.Due() != due {
		t.Errorf("due %v, not %v", w.Due(), due)
	}
}

func TestSignsOfLifeAreToldNowAndThen(t *testing.T) {
	w := started()
	if w.Wants(PingInterval/4) || !w.Wants(PingInterval/4+1) {
		t.Error("not by the time since the last")
	}
	w.Left(0)
	if !w.Wants(0) {
		t.Error("not while doubted")
	}
}

func TestStartForgetsDoubts(t *testing.T) {
	w := started()
	w.Left(0)
	w.Start(s, PingInterval)
	if w.Doubted() || w.Since() != s || !w.Hint(s, s) {
		t.Errorf("%+v", *w)
	}
}

// Pings number modulo Numbers, after 68 years.
func TestNumbersBeginAnew(t *testing.T) {
	w := started()
	w.number = Numbers - 2
	w.Challenge(0, s)
	w.Ping(0)
	if w.Number() != 0 {
		t.Fatalf("number %d", w.Number())
	}
	w.Answered(ms, Numbers-2)
	if !w.Doubted() {
		t.Error("an answer to an earlier ping counts")
	}
	w.Answered(ms, 0)
	if w.Doubted() {
		t.Error("the last ping's answer does not count")
	}
}

// A peer that answers is never given up, whatever is hinted; one that falls silent
// is, within two intervals and AnswerWithin, and the time of one challenge at most.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(3, seed))
		upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
		rtt, silentFrom := 1+upTo(40*ms), upTo(30*s)
		type answer struct {
			at     time.Duration
			number uint32
		}
		w, answers, hintAt := started(), []answer{{rtt, 1}}, upTo(4*s)
		for verdict, steps := Fine, 0; verdict != Gone; steps++ {
			now, number := min(w.Due(), hintAt), w.Number()
			switch {
			case len(answers) > 0 && answers[0].at <= now:
				now = answers[0].at
				w.Answered(now, answers[0].number)
				answers = answers[1:]
			case now == hintAt:
				hintAt += upTo(4 * s)
				if r.IntN(2) == 0 {
					w.Hint(now, 41*ms+upTo(s))
				} else {
					w.Challenge(now, s)
				}
			default:
				verdict = w.Tick(now)
			}
			if w.Number() != number && now+rtt < silentFrom {
				answers = append(answers, answer{now + rtt, w.Number()})
			}
			tooSoon := verdict == Gone && now < silentFrom
			tooLate := now > silentFrom+2*PingInterval+AnswerWithin+s
			if tooSoon || tooLate || steps > 1000 {
				t.Fatalf("seed %d: at %v %v, silent from %v, %+v", seed, now, verdict, silentFrom, w)
			}
		}
	}
}
