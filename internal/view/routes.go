package view

import (
	"fmt"
	"io"
	"strings"
)

// RouteRow is one direction in which messages are delivered.
type RouteRow struct {
	Origin, Destination string
	// Deployed says that both ends have their contracts; Set what the destination
	// asks for, "2 of 3 message-id", and ISM the module that does.
	Deployed bool
	Set, ISM string
	// Live of those whom the destination asks sign, at least, as Strangers of them
	// are not declared; Need is its threshold. Without meaning unless Asked.
	Live, Strangers, Need int
	Asked                 bool
	// Relayers are the wallets that deliver at the destination.
	Relayers []RelayerWallet
	// Missing is what the route lacks, in the order in which to mend it.
	Missing []Lack
}

// RelayerWallet is one relayer's wallet at a destination.
type RelayerWallet struct {
	Name   string
	Funded bool
	// Unread: nobody knows what it holds.
	Unread bool
}

// Lack is one missing piece and the command to type next.
type Lack struct{ What, Next string }

// Complete reports that nothing is missing.
func (r RouteRow) Complete() bool { return len(r.Missing) == 0 }

// Routes writes which messages are delivered, and what the others lack.
func Routes(w io.Writer, rows []RouteRow, o TableOptions) error {
	switch o.Format {
	case "", "table":
		return routesTable(w, rows, o)
	case "json":
		return routesJSON(w, rows)
	case "csv":
		return routesCSV(w, rows)
	default:
		return fmt.Errorf("format %q: not table, json or csv", o.Format)
	}
}

func routesTable(w io.Writer, rows []RouteRow, o TableOptions) error {
	table := [][]string{{"ORIGIN", "DESTINATION", "DEPLOYED", "ASKS FOR", "ISM", "LIVE/THRESHOLD", "RELAYER FUNDED"}}
	complete := 0
	for _, r := range rows {
		table = append(table, []string{r.Origin, r.Destination, yesNo(r.Deployed), r.Set, r.ISM, r.quorum(), r.funded()})
		if r.Complete() {
			complete++
		}
	}
	l := lines{o: o.Options}
	if len(rows) == 0 {
		l.seg("", "no routes are declared").end()
		return l.flush(w)
	}
	l.columns(table, func(column int, cell string) string {
		if (column == 2 || column == 6) && cell != "yes" {
			return yellow
		}
		return ""
	})
	l.blank()
	l.seg(bold, fmt.Sprintf("%d of %s complete", complete, count(len(rows), "route"))).end()
	for _, r := range rows {
		for i, lack := range r.Missing {
			if i == 0 {
				l.seg(yellow, "! ").seg(bold, r.Origin+" → "+r.Destination).end()
			}
			l.prose("", "    ", lack.What)
			if lack.Next != "" {
				l.seg("", "    hint: "+lack.Next).end()
			}
		}
	}
	return l.flush(w)
}

// quorum is how many of those whom the destination asks are known to sign.
func (r RouteRow) quorum() string {
	if !r.Asked {
		return ""
	}
	least := ""
	if r.Strangers > 0 {
		least = "≥"
	}
	return fmt.Sprintf("%s%d/%d", least, r.Live, r.Need)
}

func (r RouteRow) funded() string {
	var names []string
	for _, w := range r.Relayers {
		switch {
		case w.Unread:
			names = append(names, w.Name+" not read")
		case !w.Funded:
			names = append(names, w.Name+" below floor")
		}
	}
	switch {
	case len(r.Relayers) == 0:
		return "no relayer"
	case len(names) == 0:
		return "yes"
	}
	return strings.Join(names, ", ")
}

func routesJSON(w io.Writer, rows []RouteRow) error {
	type lack struct {
		What string `json:"what"`
		Next string `json:"next"`
	}
	type wallet struct {
		Name   string `json:"name"`
		Funded bool   `json:"funded"`
		Unread bool   `json:"unread"`
	}
	type row struct {
		Origin      string   `json:"origin"`
		Destination string   `json:"destination"`
		Complete    bool     `json:"complete"`
		Deployed    bool     `json:"deployed"`
		Set         string   `json:"set"`
		ISM         string   `json:"ism"`
		Live        *int     `json:"live"`
		Strangers   int      `json:"strangers"`
		Threshold   *int     `json:"threshold"`
		Relayers    []wallet `json:"relayers"`
		Missing     []lack   `json:"missing"`
	}
	list := make([]row, len(rows))
	for i, r := range rows {
		list[i] = row{
			Origin: r.Origin, Destination: r.Destination, Complete: r.Complete(), Deployed: r.Deployed, Set: r.Set, ISM: r.ISM, Strangers: r.Strangers,
			Relayers: []wallet{}, Missing: []lack{},
		}
		if r.Asked {
			list[i].Live, list[i].Threshold = &r.Live, &r.Need
		}
		for _, w := range r.Relayers {
			list[i].Relayers = append(list[i].Relayers, wallet(w))
		}
		for _, m := range r.Missing {
			list[i].Missing = append(list[i].Missing, lack(m))
		}
	}
	return writeJSON(w, "routes", list)
}

func routesCSV(w io.Writer, rows []RouteRow) error {
	records := [][]string{{"origin", "destination", "complete", "deployed", "set", "ism", "live/threshold", "relayer funded", "missing"}}
	for _, r := range rows {
		var missing []string
		for _, m := range r.Missing {
			missing = append(missing, m.What)
		}
		records = append(records, []string{
			r.Origin, r.Destination, yesNo(r.Complete()), yesNo(r.Deployed), r.Set, r.ISM, r.quorum(), r.funded(), strings.Join(missing, "; "),
		})
	}
	return writeCSV(w, "routes", records)
}
