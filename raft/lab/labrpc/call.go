package labrpc

import "time"

// A netEnd is the network's side of a ClientEnd. Its fields below name are
// guarded by the network's lock.
type netEnd struct {
	net      *Network
	name     any
	id       uint64
	from, to int

	enabled bool
	server  any // the name connected to
	calls   uint64
}

func (e *netEnd) Complain(err error) { e.net.complain(err) }

// A call is one call under way.
type call struct {
	end    *netEnd
	number uint64
	req    Request
	dice   dice
	// The network's settings when the call was made.
	unreliable, longDelays, longReordering bool
}

// A result is how a call's stay at the server ended.
type result struct {
	data []byte
	why  Reason // 0: data is the reply
}

// RoundTrip takes a call through the network: a way there, the method, a way
// back. Each stage may end it.
func (e *netEnd) RoundTrip(req Request) ([]byte, bool) {
	n := e.net
	c, why := n.begin(e, req)
	n.observe(c, Event{Step: Sent, Args: req.Value, Bytes: len(req.Args)})
	if why != 0 {
		return c.lose(why)
	}
	defer n.end()

	h, why := c.travel()
	if why != 0 {
		return c.lose(why)
	}
	r := c.carryOut(h)
	if r.why != 0 {
		return c.lose(r.why)
	}
	if why := c.comeBack(h, len(r.data)); why != 0 {
		return c.lose(why)
	}
	n.observe(c, Event{Step: Replied, Bytes: len(r.data)})
	return r.data, true
}

// begin counts a call and fixes its fate as far as chance decides it.
func (n *Network) begin(e *netEnd, req Request) (*call, Reason) {
	n.count.Add(1)
	n.bytes.Add(int64(len(req.Args)))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls++
	e.calls++
	c := &call{
		end: e, number: n.calls, req: req, dice: newDice(n.cfg.Seed, e.id, e.calls),
		unreliable: n.unreliable, longDelays: n.longDelays, longReordering: n.longReordering,
	}
	switch {
	case n.closed:
		return c, Closed
	case n.inFlight >= MaxInFlight:
		return c, Overload
	}
	n.inFlight++
	return c, 0
}

// end is called when a call is over and its method, if it ran, has returned.
func (n *Network) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inFlight--
}

// travel takes the request to its server and waits for the server's attention.
func (c *call) travel() (*host, Reason) {
	n := c.end.net
	if n.target(c.end) == nil {
		return nil, c.unreachable()
	}
	delay := c.dice.within(n.cfg.Jitter)
	if c.unreliable {
		delay += c.dice.within(unreliableDelay)
		if c.dice.intn(1000) < lossPerMille {
			return nil, n.wait(delay, RequestDropped)
		}
	}
	if why := n.wait(delay, 0); why != 0 {
		return nil, why
	}
	if why := n.wait(n.enqueue(c.end), 0); why != 0 {
		return nil, why
	}
	h := n.target(c.end)
	if h == nil {
		return nil, c.unreachable()
	}
	return h, 0
}

// unreachable waits as long as it takes to give up on a server.
func (c *call) unreachable() Reason {
	limit := deadDelay
	if c.longDelays {
		limit = deadLongDelay
	}
	return c.end.net.wait(c.dice.within(limit), Disconnected)
}

// target returns where an end's calls go at the moment, nil if nowhere.
func (n *Network) target(e *netEnd) *host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !e.enabled || n.ends[e.name] != e {
		return nil
	}
	return n.servers[e.server]
}

// enqueue puts a request behind those that the end's server has yet to carry
// out, and returns how long it will wait there.
func (n *Network) enqueue(e *netEnd) time.Duration {
	if n.cfg.Cost <= 0 {
		return 0
	}
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.servers[e.server]
	if h == nil {
		return 0
	}
	if h.free.Before(now) {
		h.free = now
	}
	h.free = h.free.Add(n.cfg.Cost)
	return h.free.Sub(now)
}

// carryOut runs the method and waits for its end, or for the end of the server
// or network: a method that never returns must not keep its caller.
func (c *call) carryOut(h *host) result {
	n := c.end.net
	done := make(chan result, 1)
	n.mu.Lock()
	n.inFlight++
	n.mu.Unlock()
	go func() {
		defer n.end()
		r := result{why: Panicked} // unless what follows gets to its end
		defer func() { done <- r }()
		c.run(h.server, &r)
	}()
	select {
	case r := <-done:
		return r
	case <-h.gone:
		return result{why: ServerGone}
	case <-n.done:
		return result{why: Closed}
	}
}

// run calls the method and fills in r.
func (c *call) run(s *Server, r *result) {
	n := c.end.net
	if n.cfg.Panicked != nil {
		defer func() {
			if v := recover(); v != nil {
				n.cfg.Panicked(c.end.name, c.req.Method, v)
			}
		}()
	}
	data, err := s.handle(c.req.Method, c.req.Args,
		func(args any) { n.observe(c, Event{Step: Delivered, Args: args}) },
		func(reply any) { n.observe(c, Event{Step: Handled, Reply: reply}) })
	if err != nil {
		n.complain(err)
		r.why = Refused
		return
	}
	r.data, r.why = data, 0
}

// comeBack takes the reply to the caller.
func (c *call) comeBack(h *host, size int) Reason {
	n := c.end.net
	if n.target(c.end) != h {
		return Disconnected
	}
	n.bytes.Add(int64(size))
	delay := c.dice.within(n.cfg.Jitter)
	if c.unreliable && c.dice.intn(1000) < lossPerMille {
		return n.wait(delay, ReplyDropped)
	}
	if c.longReordering && c.dice.intn(reorderOf) < reorderShare {
		delay += reorderMin + c.dice.within(1+c.dice.within(reorderSpread))
	}
	return n.wait(delay, 0)
}

// wait lets time pass, and returns then; or Closed when the network ends before.
func (n *Network) wait(d time.Duration, then Reason) Reason {
	if d <= 0 {
		return then
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return then
	case <-n.done:
		return Closed
	}
}

func (c *call) lose(why Reason) ([]byte, bool) {
	c.end.net.observe(c, Event{Step: Lost, Why: why})
	return nil, false
}

func (n *Network) observe(c *call, e Event) {
	if n.cfg.Observe == nil {
		return
	}
	e.Call, e.Method = c.number, c.req.Method
	e.End, e.From, e.To = c.end.name, c.end.from, c.end.to
	n.observing.Lock()
	defer n.observing.Unlock()
	e.At = time.Now()
	n.cfg.Observe(e)
}
