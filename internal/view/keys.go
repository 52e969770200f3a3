package view

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// KeyRow is one key of an environment.
type KeyRow struct {
	// Key is its name, Alias its KMS alias or the name of its secret.
	Key, Alias, ARN string
	// Address is EIP-55, empty while the key does not exist.
	Address string
	Region  string
	// State is enabled, disabled, pending deletion, missing, …
	State string
	// Created is zero while nobody knows.
	Created  time.Time
	Networks []string
}

// KeysOptions is how to print keys.
type KeysOptions struct {
	Options
	// Format is table, json or csv.
	Format string
	// Wide adds the ARN to the table; JSON and CSV always have it.
	Wide bool
}

// Keys writes the table of keys, whole: a cut address is of no use to whoever
// copies it.
func Keys(w io.Writer, rows []KeyRow, o KeysOptions) error {
	switch o.Format {
	case "", "table":
		return keysTable(w, rows, o)
	case "json":
		return keysJSON(w, rows)
	case "csv":
		return keysCSV(w, rows)
	default:
		return fmt.Errorf("format %q: not table, json or csv", o.Format)
	}
}

func keysTable(w io.Writer, rows []KeyRow, o KeysOptions) error {
	head := []string{"KEY", "ALIAS", "ADDRESS", "REGION", "STATE", "AGE", "NETWORKS"}
	if o.Wide {
		head = append(head, "ARN")
	}
	table := [][]string{head}
	for _, r := range rows {
		age := "-"
		if !r.Created.IsZero() && !o.Now.IsZero() {
			age = span(o.Now.Sub(r.Created))
		}
		cells := []string{r.Key, r.Alias, r.Address, r.Region, r.State, age, strings.Join(r.Networks, ",")}
		if o.Wide {
			cells = append(cells, r.ARN)
		}
		for i, cell := range cells {
			if cells[i] = o.clean(cell); cell == "" {
				cells[i] = "-"
			}
		}
		table = append(table, cells)
	}
	widths := make([]int, len(head))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	l := lines{o: o.Options}
	for n, cells := range table {
		for i, cell := range cells {
			style := ""
			if n == 0 {
				style = bold
			} else if head[i] == "STATE" && !strings.EqualFold(cell, "enabled") {
				style = yellow
			}
			l.seg(style, pad(cell, widths[i]+2))
		}
		l.end()
	}
	return l.flush(w)
}

func keysJSON(w io.Writer, rows []KeyRow) error {
	type row struct {
		Key      string     `json:"key"`
		Alias    string     `json:"alias"`
		ARN      string     `json:"arn"`
		Address  string     `json:"address"`
		Region   string     `json:"region"`
		State    string     `json:"state"`
		Created  *time.Time `json:"created"`
		Networks []string   `json:"networks"`
	}
	list := make([]row, len(rows))
	for i, r := range rows {
		list[i] = row{r.Key, r.Alias, r.ARN, r.Address, r.Region, r.State, nil, append([]string{}, r.Networks...)}
		if !r.Created.IsZero() {
			created := r.Created.UTC()
			list[i].Created = &created
		}
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("keys: encode: %w", err)
	}
	_, err = w.Write(append(ascii(data), '\n'))
	return err
}

func keysCSV(w io.Writer, rows []KeyRow) error {
	out := csv.NewWriter(w)
	records := [][]string{{"key", "alias", "arn", "address", "region", "state", "created", "networks"}}
	for _, r := range rows {
		created := ""
		if !r.Created.IsZero() {
			created = r.Created.UTC().Format(time.RFC3339)
		}
		record := []string{r.Key, r.Alias, r.ARN, r.Address, r.Region, r.State, created, strings.Join(r.Networks, " ")}
		for i, cell := range record {
			record[i] = CSV(cell)
		}
		records = append(records, record)
	}
	if err := out.WriteAll(records); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return nil
}
