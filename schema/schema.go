// Package schema carries the CUE vocabulary that operators write, one file per
// concept, so that an environments repository needs no copy of it.
package schema

import "embed"

// Files are the definitions. #Environment is what the files of one
// environment, taken together, must satisfy.
//
//go:embed *.cue
var Files embed.FS
