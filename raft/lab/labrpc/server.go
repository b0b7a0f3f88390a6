package labrpc

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tabraft/raft/lab/labgob"
)

// A Server is a set of services that are reached under one name: a Raft and the
// key/value service above it, for example.
type Server struct {
	mu       sync.Mutex
	services map[string]*Service
	count    atomic.Int64
}

// MakeServer returns a server without services.
func MakeServer() *Server {
	return &Server{services: map[string]*Service{}}
}

// AddService makes the methods of svc callable.
func (s *Server) AddService(svc *Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[svc.name] = svc
}

// GetCount returns how many calls have reached the server.
func (s *Server) GetCount() int {
	return int(s.count.Load())
}

// Handle carries out one call and returns the encoded reply. It returns when the
// method does. An error means that the method was not called (it wraps
// ErrNoService, ErrNoMethod or ErrBadArgs), or that its reply cannot be encoded.
func (s *Server) Handle(method string, args []byte) (reply []byte, err error) {
	return s.handle(method, args, nil, nil)
}

// handle is Handle with callbacks just before and just after the method runs.
func (s *Server) handle(method string, args []byte, before func(args any), after func(reply any)) ([]byte, error) {
	s.count.Add(1)
	m, err := s.find(method)
	if err != nil {
		return nil, err
	}
	argv := reflect.New(m.args)
	if err := labgob.Unmarshal(args, argv.Interface()); err != nil {
		return nil, fmt.Errorf("labrpc: %s takes a %v: %w: %v", method, m.args, ErrBadArgs, err)
	}
	replyv := reflect.New(m.reply)
	if before != nil {
		before(argv.Interface())
	}
	if m.pointer {
		m.call.Call([]reflect.Value{argv, replyv})
	} else {
		m.call.Call([]reflect.Value{argv.Elem(), replyv})
	}
	if after != nil {
		after(replyv.Interface())
	}
	data, err := labgob.Marshal(replyv.Interface())
	if err != nil {
		return nil, fmt.Errorf("labrpc: %s: %w: %w", method, ErrBadReply, err)
	}
	return data, nil
}

func (s *Server) find(name string) (*method, error) {
	dot := strings.LastIndexByte(name, '.')
	service := name[:max(dot, 0)]
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.services[service]
	if svc == nil {
		return nil, fmt.Errorf("labrpc: call of %q: %w %q; there is %s",
			name, ErrNoService, service, list(slices.Sorted(maps.Keys(s.services))))
	}
	m := svc.methods[name[dot+1:]]
	if m == nil {
		return nil, fmt.Errorf("labrpc: call of %q: %w: %s has %s; a method is callable if it is exported "+
			"and has the form func(args *A, reply *R)", name, ErrNoMethod, service, list(slices.Sorted(maps.Keys(svc.methods))))
	}
	return m, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// A Service is the callable methods of one value.
type Service struct {
	name    string
	methods map[string]*method
}

type method struct {
	call        reflect.Value
	args, reply reflect.Type // what the two pointers point to
	pointer     bool         // whether the arguments are passed as a pointer
}

// An Unwrapper stands for another value, whose methods are the callable ones: an
// adapter around a student's Raft is one.
type Unwrapper interface {
	Unwrap() any
}

// MakeService finds the callable methods of rcvr, a pointer as a rule: exported,
// two arguments of which the second is a pointer, no results. The service is
// named after rcvr's type. Methods of other forms are left out. If rcvr is
// an Unwrapper, the value it stands for is taken instead.
func MakeService(rcvr any) *Service {
	for {
		u, ok := rcvr.(Unwrapper)
		if !ok {
			break
		}
		rcvr = u.Unwrap()
	}
	v := reflect.ValueOf(rcvr)
	svc := &Service{methods: map[string]*method{}}
	if !v.IsValid() {
		return svc
	}
	svc.name = reflect.Indirect(v).Type().Name()
	t := v.Type()
	for i := range t.NumMethod() {
		// Only exported methods are counted.
		f := t.Method(i).Type
		if f.NumIn() != 3 || f.NumOut() != 0 || f.IsVariadic() || f.In(2).Kind() != reflect.Pointer {
			continue
		}
		m := &method{call: v.Method(i), args: f.In(1), reply: f.In(2).Elem()}
		if m.args.Kind() == reflect.Pointer {
			m.args, m.pointer = m.args.Elem(), true
		}
		svc.methods[t.Method(i).Name] = m
	}
	return svc
}

// Methods returns the names of the callable methods in order.
func (svc *Service) Methods() []string {
	return slices.Sorted(maps.Keys(svc.methods))
}
