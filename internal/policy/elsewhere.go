package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// request is what Answer needs. Its first bytes tell it from other requests.
type request struct {
	Policies []File `json:"policies"`
	Plan     []byte `json:"plan"`
}

// answer is what came of it: outcomes, faults of files, or another error.
type answer struct {
	Outcomes []Outcome `json:"outcomes,omitempty"`
	Faults   Errors    `json:"faults,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// Asked reports a request for Answer.
func Asked(data []byte) bool { return bytes.HasPrefix(data, []byte(`{"policies":`)) }

// Answer answers a request that Judge made. It touches nothing but its argument.
func Answer(data []byte) ([]byte, error) {
	var asked request
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&asked); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	var a answer
	outcomes, err := Judge(asked.Policies, asked.Plan, nil)
	switch {
	case errors.As(err, &a.Faults):
	case err != nil:
		a.Error = err.Error()
	default:
		a.Outcomes = outcomes
	}
	return json.Marshal(a)
}

func ask(files []File, plan []byte, elsewhere Elsewhere) ([]Outcome, error) {
	data, err := json.Marshal(request{Policies: files, Plan: plan})
	if err != nil {
		return nil, err
	}
	if data, err = elsewhere(data); err != nil {
		return nil, fmt.Errorf("policy: evaluate: %w", err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("policy: answer of the evaluation: %w", err)
	}
	switch {
	case len(a.Faults) > 0:
		return nil, a.Faults
	case a.Error != "":
		return nil, errors.New(a.Error)
	}
	return a.Outcomes, nil
}
