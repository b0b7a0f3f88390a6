package main

var quorumMutants = []mutant{
	{name: "half is a majority", rule: "5.2: majority", bugs: []int{45},
		old: "return n/2 + 1", new: "return (n + 1) / 2"},
	{name: "C_new elects alone", rule: "6: separate majorities",
		old: "in := tally(c.Voters, votes)\n\tif len(c.Outgoing) == 0 {", new: "in := tally(c.Voters, votes)\n\tif true {"},
	{name: "C_old elects alone", rule: "6: separate majorities", bugs: []int{22},
		old: "case in == ballotWon && out == ballotWon:", new: "case out == ballotWon:"},
	{name: "one half's refusal does not count", rule: "6: separate majorities",
		old: "case in == ballotLost || out == ballotLost:", new: "case in == ballotLost && out == ballotLost:"},
	{name: "refusals are not counted", rule: "5.2: three outcomes",
		old: "case len(voters)-refused < need:", new: "case false:"},
	{name: "C_new commits alone", rule: "6: separate majorities",
		old: "if len(c.Outgoing) > 0 {\n\t\tn = min(", new: "if false {\n\t\tn = min("},
	{name: "either half commits", rule: "6: separate majorities", bugs: []int{29},
		old: "n = min(n, quorumIndex(c.Outgoing, match))", new: "n = max(n, quorumIndex(c.Outgoing, match))"},
	{name: "quorum scan over an unsorted list", rule: "Figure 2, leaders: a majority of matchIndex", bugs: []int{34},
		old: "\tslices.Sort(all)\n", new: "\tslices.Contains(all, 0)\n"},
	{name: "the quorum's index is one server's too many", rule: "Figure 2, leaders: a majority of matchIndex", bugs: []int{34},
		old: "return all[len(all)-majority(len(all))]", new: "return all[len(all)/2]"},
	{name: "nobody decides for a cluster of nobody", rule: "6: a server that knows of no cluster",
		old: "if len(voters) == 0 {\n\t\treturn ballotLost", new: "if len(voters) == 0 {\n\t\treturn ballotWon"},
}
