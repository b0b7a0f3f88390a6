module tabraft/raft/bench/load

go 1.26.0
