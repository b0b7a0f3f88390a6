package tab

import "tabraft/raft"

// The words of servers' names: short and easy to tell apart when called across
// a room.
var (
	adjectives = [...]string{"Brave", "Bright", "Calm", "Clever", "Eager", "Fair", "Gentle", "Happy",
		"Keen", "Kind", "Lively", "Lucky", "Merry", "Noble", "Proud", "Quick",
		"Quiet", "Rapid", "Sharp", "Shy", "Silent", "Smart", "Steady", "Strong",
		"Sunny", "Swift", "Tidy", "Tough", "Warm", "Wild", "Wise", "Witty"}
	creatures = [...]string{"Badger", "Bear", "Beaver", "Bison", "Crane", "Crow", "Deer", "Dove",
		"Duck", "Eagle", "Falcon", "Finch", "Fox", "Gecko", "Goose", "Hare",
		"Hawk", "Heron", "Ibex", "Jay", "Koala", "Lark", "Lemur", "Lynx",
		"Mole", "Moose", "Newt", "Otter", "Owl", "Panda", "Raven", "Wolf"}
)

// Colours is how many colours servers have; the page has a palette of as many.
const Colours = 12

// Name is a friendly name that follows from the id: "Swift Otter". Two servers
// may have the same; the id tells them apart.
func Name(id raft.ID) string {
	return adjectives[id%32] + " " + creatures[id/32%32]
}

// Colour is an index below Colours that follows from the id.
func Colour(id raft.ID) int { return int(id / 1024 % Colours) }
