package main

var progressMutants = []mutant{
	{name: "probe keeps what was in flight", rule: "doc.go: a refusal ends the pipeline", bugs: []int{38},
		old: "\tp.window.clear()\n\tp.snapshot = nil", new: "\tp.snapshot = nil"},
	{name: "probe goes on where the pipeline was", rule: "Figure 2, leaders: decrement nextIndex",
		old: "\tp.next = p.match + 1\n", new: ""},
	{name: "probe waits for the answer to an older one", rule: "progress.go: probing",
		old: "p.probing, p.waiting = true, false", new: "p.probing = true"},
	{name: "probe goes on with the snapshot", rule: "snapshot.go",
		old: "p.window.clear()\n\tp.snapshot = nil", new: "p.window.clear()"},
	{name: "a lost connection costs the whole snapshot", rule: "snapshot.go: resume",
		old: "if p.snapshot != nil {\n\t\tp.offset", new: "if false {\n\t\tp.offset"},
	{name: "a lost connection's chunks are waited for", rule: "snapshot.go: resume",
		old: "p.offset, p.resent = p.received, false", new: "p.resent = false"},
	{name: "bytes in flight leak", rule: "doc.go: limits", bugs: []int{38},
		old: "\t\tw.bytes -= w.inflight[n].bytes\n", new: ""},
	{name: "bytes in flight not limited", rule: "doc.go: limits",
		old: "len(w.inflight) >= messages || len(w.inflight) > 0 && w.bytes >= bytes", new: "len(w.inflight) >= messages"},
	{name: "messages in flight not limited", rule: "doc.go: limits",
		old: "len(w.inflight) >= messages || len(w.inflight) > 0 && w.bytes >= bytes", new: "len(w.inflight) > 0 && w.bytes >= bytes"},
}
