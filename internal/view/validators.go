package view

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ValidatorRow is one declared validator of an origin.
type ValidatorRow struct {
	Member, Operator string
	// Address is EIP-55, empty while its key has none.
	Address   string
	Announced bool
	// Storage is the location that it announced last.
	Storage string
	// Index is the latest that its storage claims, Lag how many messages that is
	// behind the tip; without meaning unless Indexed.
	Index, Lag uint32
	Indexed    bool
	// State is how it stands: live, behind, unreachable, unproven, unannounced,
	// unread, or missing where its key is; Counts says whether it counts as a signer, Reason why not.
	State  string
	Counts bool
	Reason string
}

// OriginValidators are the validators of one origin.
type OriginValidators struct {
	Origin     string
	Threshold  int
	Managed    bool
	Validators []ValidatorRow
	// Reason says why the origin has no validators to show; empty where it has.
	Reason string
}

// Live counts those who sign, and Unread those nobody could ask about.
func (o OriginValidators) Live() (live, unread int) {
	for _, v := range o.Validators {
		switch {
		case v.Counts:
			live++
		case v.State == "unread":
			unread++
		}
	}
	return live, unread
}

// TableOptions is how to print a table.
type TableOptions struct {
	Options
	// Format is table, json or csv.
	Format string
}

// Validators writes the validators of all origins, whole.
func Validators(w io.Writer, origins []OriginValidators, o TableOptions) error {
	switch o.Format {
	case "", "table":
		return validatorsTable(w, origins, o)
	case "json":
		return validatorsJSON(w, origins)
	case "csv":
		return validatorsCSV(w, origins)
	default:
		return fmt.Errorf("format %q: not table, json or csv", o.Format)
	}
}

func validatorsTable(w io.Writer, origins []OriginValidators, o TableOptions) error {
	table := [][]string{{"ORIGIN", "MEMBER", "OPERATOR", "ADDRESS", "ANNOUNCED", "STORAGE", "INDEX", "LAG", "COUNTED"}}
	for _, origin := range origins {
		for _, v := range origin.Validators {
			index, lag := "", ""
			if v.Indexed {
				index, lag = strconv.FormatUint(uint64(v.Index), 10), strconv.FormatUint(uint64(v.Lag), 10)
			}
			table = append(table, []string{origin.Origin, v.Member, v.Operator, v.Address, yesNo(v.Announced), v.Storage, index, lag, counted(v)})
		}
	}
	l := lines{o: o.Options}
	if len(table) > 1 {
		l.columns(table, func(column int, cell string) string {
			if column == 8 && cell != "live" {
				return yellow
			}
			return ""
		})
		l.blank()
	}
	if len(origins) == 0 {
		l.seg("", "no validator sets are declared").end()
	}
	for _, origin := range origins {
		style, text := originLine(origin)
		l.seg(style, text).end()
		for _, reason := range origin.reasons() {
			l.prose("", "  ", reason)
		}
	}
	return l.flush(w)
}

// unproven counts those who count because nothing was there to sign yet.
func (o OriginValidators) unproven() int {
	n := 0
	for _, v := range o.Validators {
		if v.Counts && v.State != "live" {
			n++
		}
	}
	return n
}

// reasons say why members are not live, those of one reason together.
func (o OriginValidators) reasons() []string {
	var order []string
	of := map[string][]string{}
	for _, v := range o.Validators {
		if v.Reason == "" || v.State == "live" {
			continue
		}
		if of[v.Reason] == nil {
			order = append(order, v.Reason)
		}
		of[v.Reason] = append(of[v.Reason], v.Member)
	}
	for i, reason := range order {
		order[i] = strings.Join(of[reason], ", ") + ": " + reason
	}
	return order
}

// originLine is one origin in a sentence.
func originLine(o OriginValidators) (style, text string) {
	if o.Reason != "" {
		return faint, o.Origin + ": " + o.Reason
	}
	live, unread := o.Live()
	text = fmt.Sprintf("%s: live %d of %d, need %d", o.Origin, live, len(o.Validators), o.Threshold)
	if n := o.unproven(); n > 0 {
		text += fmt.Sprintf(", %d of them unproven", n)
	}
	switch {
	case unread > 0:
		return yellow, text + fmt.Sprintf(" · %d not read", unread)
	case live < o.Threshold:
		return red, text + " · no message would be delivered"
	case live == o.Threshold && live < len(o.Validators):
		return yellow, text + " · one more silent signer halts it"
	}
	return "", text
}

// counted is the state, and that it counts where the word does not say it.
func counted(v ValidatorRow) string {
	if v.State == "live" || v.State == "" {
		return v.State
	}
	if v.Counts {
		return v.State + ", counts"
	}
	return v.State + ", not counted"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// columns prints cells below each other, the first line being its head. Nothing is cut:
// a cut address is of no use to whoever copies it.
func (l *lines) columns(table [][]string, style func(column int, cell string) string) {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			if cells[i] = l.o.clean(cell); cell == "" {
				cells[i] = "-"
			}
			widths[i] = max(widths[i], columns(cells[i]))
		}
	}
	for n, cells := range table {
		for i, cell := range cells {
			painted := bold
			if n > 0 {
				painted = style(i, cell)
			}
			l.seg(painted, pad(cell, widths[i]+2))
		}
		l.end()
	}
}

func validatorsJSON(w io.Writer, origins []OriginValidators) error {
	type row struct {
		Member    string  `json:"member"`
		Operator  string  `json:"operator"`
		Address   string  `json:"address"`
		Announced bool    `json:"announced"`
		Storage   string  `json:"storage"`
		Index     *uint32 `json:"index"`
		Lag       *uint32 `json:"lag"`
		State     string  `json:"state"`
		Counts    bool    `json:"counts"`
		Reason    string  `json:"reason"`
	}
	type origin struct {
		Origin     string `json:"origin"`
		Managed    bool   `json:"managed"`
		Live       int    `json:"live"`
		Unread     int    `json:"unread"`
		Members    int    `json:"members"`
		Threshold  int    `json:"threshold"`
		Reason     string `json:"reason,omitempty"`
		Validators []row  `json:"validators"`
	}
	list := make([]origin, len(origins))
	for i, o := range origins {
		live, unread := o.Live()
		list[i] = origin{Origin: o.Origin, Managed: o.Managed, Live: live, Unread: unread, Members: len(o.Validators), Threshold: o.Threshold, Reason: o.Reason, Validators: []row{}}
		for _, v := range o.Validators {
			r := row{Member: v.Member, Operator: v.Operator, Address: v.Address, Announced: v.Announced, Storage: v.Storage, State: v.State, Counts: v.Counts, Reason: v.Reason}
			if v.Indexed {
				r.Index, r.Lag = &v.Index, &v.Lag
			}
			list[i].Validators = append(list[i].Validators, r)
		}
	}
	return writeJSON(w, "validators", list)
}

func writeJSON(w io.Writer, what string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: encode: %w", what, err)
	}
	_, err = w.Write(append(ascii(data), '\n'))
	return err
}

func validatorsCSV(w io.Writer, origins []OriginValidators) error {
	records := [][]string{{"origin", "member", "operator", "address", "announced", "storage", "index", "lag", "state", "counts", "reason"}}
	for _, o := range origins {
		for _, v := range o.Validators {
			index, lag := "", ""
			if v.Indexed {
				index, lag = strconv.FormatUint(uint64(v.Index), 10), strconv.FormatUint(uint64(v.Lag), 10)
			}
			records = append(records, []string{o.Origin, v.Member, v.Operator, v.Address, yesNo(v.Announced), v.Storage, index, lag, v.State, yesNo(v.Counts), v.Reason})
		}
	}
	return writeCSV(w, "validators", records)
}

// writeCSV escapes every cell but the head's.
func writeCSV(w io.Writer, what string, records [][]string) error {
	for _, record := range records[1:] {
		for i, cell := range record {
			record[i] = CSV(strings.TrimSpace(cell))
		}
	}
	out := csv.NewWriter(w)
	if err := out.WriteAll(records); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
