module tabraft/raft/bench

go 1.26.0

require (
	tabraft v0.0.0
	tabraft/raft/bench/load v0.0.0
)

replace (
	tabraft => ../..
	tabraft/raft/bench/load => ./load
)
