module tabraft/raft/bench/etcd37

go 1.26.0

require (
	go.etcd.io/raft/v3 v3.7.0
	tabraft/raft/bench/load v0.0.0
)

require google.golang.org/protobuf v1.36.11 // indirect

replace tabraft/raft/bench/load => ../load
