// Package wire turns what servers tell one another, and what a server stores,
// into bytes and back. It is written by hand: no reflection, nothing copied
// that need not be, one encoding for one value.
//
// # Notation
//
// Fixed-size integers are big-endian. uv is an unsigned varint as in
// encoding/binary (7 bits a byte, low bits first), in its shortest form only:
// a longer form of the same number is refused, so two equal values have equal
// bytes. bytes is a uv length followed by that many bytes.
//
// # Frame
//
// A frame is what a transport carries from one server to another, at most
// MaxFrame bytes. The transport knows where it ends.
//
//	offset  0        1     2          10       18      26
//	       +--------+-----+----------+--------+-------+------
//	       |version |kind |cluster   |from    |to     |body
//	       |1       |1    |8         |8       |8      |...
//	       +--------+-----+----------+--------+-------+------
//
// from and to are the ids of two servers and never zero. cluster is the
// cluster's id; it is zero only in the frames of one who does not know it yet.
//
// # Body by kind
//
//	1 Raft          uv messages, uv entries (of all messages together),
//	                then each message:
//
//	                type     1     a raft.MessageType
//	                flags    1     bit 0: Reject; bit 1: Force, only in a
//	                               RequestVote; the others are zero
//	                term     uv
//	                logIndex uv
//	                logTerm  uv
//	                commit   uv
//	                hint     uv
//	                round    uv
//	                entries  uv    zero but in AppendEntries; then each entry:
//
//	                    term  uv     less the term of the entry before it;
//	                                 the first one's: less logTerm
//	                    kind  1      a raft.EntryKind
//	                    data  bytes
//
//	                The entries' indexes are not sent: logIndex+1 and on.
//	                An InstallSnapshot ends with its chunk:
//
//	                    offset              uv
//	                    size                uv
//	                    configurationIndex  uv
//	                    configuration       bytes  as in an entry; at most
//	                                               MaxConfiguration
//	                    data                bytes  at most MaxChunk
//
//	2 Propose       uv proposals, then each:
//	                request uv, command bytes
//
//	3 ProposeReply  uv replies, then each:
//	                request uv, code 1, index uv, term uv, leader uv,
//	                result bytes
//
//	4 Join          expelled 1: 1 if the sender was a member and its log says
//	                that it is no more, else 0
//
//	5 JoinReply     code 1, leader uv, message bytes (UTF-8, at most
//	                MaxReason)
//
//	6 Remove        server 8
//
//	7 Transfer      server 8
//
//	8 Greet         empty
//
// # Save
//
// A save is one raft.Save as storage keeps it, one record of its own:
//
//	version   1     SaveVersion
//	term      uv    currentTerm
//	vote      8     votedFor
//	commit    uv
//	snapshot  uv    Snapshot.Index, zero if there is none; if not zero, then:
//	                  term                uv
//	                  configurationIndex  uv
//	                  configuration       bytes  as in an entry
//	                  data                bytes
//	entries   uv    if not zero, then:
//	first     uv    index of the first entry
//	                  then each entry as above, the first one's term whole
//
// A save with a snapshot replaces all that was stored before; its first entry is
// the one after Snapshot.Index. Version 1, which is still read, has no field
// snapshot.
//
// A save's place among others, and whether it is whole, is for the storage to
// keep: it writes records in the order of Save.Seq, and knows which are torn.
//
// # Trust
//
// Whatever bytes come in, decoding returns an error or a value that encodes to
// the same bytes again. It does not panic, and allocates no more than a small
// multiple of the length of what it was given: every count is compared with
// the bytes that are there before anything is made.
//
// Decoded data (Entry.Data, a Chunk's Configuration and Data, Proposal.Command,
// ProposalReply.Result, Snapshot.Data) aliases the bytes given to the decoder. They belong to the decoded value from then
// on and must not be changed.
package wire
