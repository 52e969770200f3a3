package config

import "cuelang.org/go/cue"

func (d *document) explain(_, _ cue.Value, err error, faults *faults) { d.translate(err, faults) }
