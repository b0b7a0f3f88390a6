package textbook

// applier sends on applyCh what is committed, in order, each entry once ("If
// commitIndex > lastApplied: increment lastApplied, apply log[lastApplied] to state
// machine"). It is the only sender. It sends without the lock, since the service
// may be in Snapshot, waiting for the lock, while we wait for it to receive.
func (rf *Raft) applier() {
	for {
		for _, msg := range rf.nextToApply() {
			select {
			case rf.applyCh <- msg:
			case <-rf.stop:
			}
		}
		if rf.killed() {
			return
		}
	}
}

// nextToApply waits until there is something to apply, marks it as applied, and
// returns it; or nothing once the server has been killed. Once it is marked, nobody else
// will send it, and a snapshot that includes it will not be sent after it.
func (rf *Raft) nextToApply() []ApplyMsg {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	for rf.pending == nil && rf.lastApplied >= rf.commitIndex && !rf.killed() {
		rf.applyCond.Wait()
	}
	if rf.killed() {
		return nil
	}
	if msg := rf.pending; msg != nil {
		rf.pending = nil
		if msg.SnapshotIndex > rf.lastApplied {
			rf.lastApplied = msg.SnapshotIndex
			return []ApplyMsg{*msg}
		}
	}
	var msgs []ApplyMsg
	for rf.lastApplied < rf.commitIndex {
		rf.lastApplied++
		msgs = append(msgs, ApplyMsg{
			CommandValid: true,
			Command:      rf.log[rf.lastApplied-rf.snapshotIndex].Command,
			CommandIndex: rf.lastApplied,
		})
	}
	return msgs
}
