package config

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a machine without time zones must not plan otherwise

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Interval is a span of time (UTC, Until exclusive) that windows say something
// about.
type Interval struct {
	From, Until time.Time
	// Deny: nothing may be applied in it; otherwise it may.
	Deny bool
	Why  string
}

// How far around an instant hours that return are expanded: what returns every
// week is in it at least once. A freeze can be longer, and hours are expanded to
// its end too, within reason.
const (
	aroundBefore = 9 * 24 * time.Hour
	aroundAfter  = 16 * 24 * time.Hour
	aroundMost   = 400 * 24 * time.Hour
)

// The forms of a window's texts.
const (
	formDay     = time.DateOnly
	formInstant = "2006-01-02T15:04"
	formHour    = "15:04"
)

// Around expands the windows to intervals: every span of dates, and hours that
// return in the weeks around now. Where anything is allowed at all, at least one
// interval says so.
func (w Windows) Around(now time.Time) []Interval {
	zone, err := w.location()
	if err != nil {
		// Lowering refused it; who comes here otherwise is denied everything.
		return []Interval{{From: now.Add(-aroundMost).UTC(), Until: now.Add(aroundMost).UTC(), Deny: true, Why: err.Error()}}
	}
	until := now.Add(aroundAfter)
	for _, window := range slices.Concat(w.Allow, w.Deny) {
		if _, end, ok := window.span(zone, true); ok && end.After(now) && end.Sub(now) < aroundMost && end.Add(aroundAfter).After(until) {
			until = end.Add(aroundAfter)
		}
	}
	var all []Interval
	for _, of := range []struct {
		windows []Window
		deny    bool
	}{{w.Allow, false}, {w.Deny, true}} {
		for _, window := range of.windows {
			if window.From != "" || window.To != "" {
				from, to, _ := window.span(zone, of.deny)
				all = append(all, Interval{from, to, of.deny, window.Why})
				continue
			}
			all = append(all, window.weekly(zone, of.deny, now.Add(-aroundBefore), until)...)
		}
	}
	slices.SortStableFunc(all, func(a, b Interval) int { return a.From.Compare(b.From) })
	return all
}

func (w Windows) location() (*time.Location, error) {
	if w.Zone == "" || w.Zone == "Local" {
		return time.UTC, nil
	}
	return time.LoadLocation(w.Zone)
}

// span is a window of dates. What is denied begins as early and ends as late as
// its texts can be read, what is allowed the other way round.
func (w Window) span(zone *time.Location, deny bool) (from, to time.Time, ok bool) {
	start, okStart := wall(w.From)
	end, okEnd := wall(w.To)
	if !okStart || !okEnd {
		return time.Time{}, time.Time{}, false
	}
	return instant(start, zone, !deny), instant(end, zone, deny), true
}

// weekly are the hours that return between two instants.
func (w Window) weekly(zone *time.Location, deny bool, after, before time.Time) []Interval {
	begin, errBegin := time.Parse(formHour, w.Begin)
	end, errEnd := time.Parse(formHour, w.End)
	if errBegin != nil || errEnd != nil {
		return nil
	}
	first := after.In(zone)
	day := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, time.UTC)
	var all []Interval
	for ; day.Before(before); day = day.AddDate(0, 0, 1) {
		if len(w.Days) > 0 && !slices.Contains(w.Days, strings.ToLower(day.Weekday().String()[:3])) {
			continue
		}
		last := day
		if !end.After(begin) {
			last = day.AddDate(0, 0, 1)
		}
		from := instant(at(day, begin), zone, !deny)
		until := instant(at(last, end), zone, deny)
		if from.Before(until) {
			all = append(all, Interval{from, until, deny, w.Why})
		}
	}
	return all
}

// at is an hour of a day, as a clock on the wall shows it.
func at(day, hour time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), hour.Hour(), hour.Minute(), 0, 0, time.UTC)
}

// wall reads a day or a day and hour, as a clock on the wall shows it.
func wall(text string) (time.Time, bool) {
	for _, form := range []string{formDay, formInstant} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// instant is when a clock on the wall of a zone shows a time. One that it shows
// twice, as clocks go back, is the first of both or the last; one that it never
// shows, as they go forward, is the moment at which it would have been.
func instant(wall time.Time, zone *time.Location, last bool) time.Time {
	var shown []time.Time
	var passed time.Time
	for _, near := range []time.Duration{-36 * time.Hour, 36 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		there := t.In(zone)
		if there.Year() == wall.Year() && there.YearDay() == wall.YearDay() && there.Hour() == wall.Hour() && there.Minute() == wall.Minute() {
			shown = append(shown, t)
		}
		if passed.IsZero() {
			passed, _ = there.ZoneBounds()
		}
	}
	switch {
	case len(shown) == 0:
		return passed.UTC()
	case last:
		return slices.MaxFunc(shown, time.Time.Compare).UTC()
	default:
		return slices.MinFunc(shown, time.Time.Compare).UTC()
	}
}

func (l *lowering) windows(raw *rawWindows) Windows {
	if raw == nil {
		return Windows{}
	}
	w := Windows{Zone: raw.Zone, TopUps: raw.TopUps}
	if _, err := w.location(); err != nil || raw.Zone == "Local" {
		l.fault(in("gates", "windows", "zone"), "write a name of the IANA database, such as Europe/Berlin", "%q is not a time zone", raw.Zone)
	}
	w.Allow = l.windowList("allow", raw.Allow)
	w.Deny = l.windowList("deny", raw.Deny)
	return w
}

func (l *lowering) windowList(list string, raw []rawWindow) []Window {
	var windows []Window
	for i, r := range raw {
		path := in("gates", "windows", list, i)
		fault := func(format string, args ...any) { l.fault(path, "", format, args...) }
		dated, hours := r.From != "" || r.To != "", r.Begin != "" || r.End != "" || len(r.Days) > 0
		switch {
		case dated == hours:
			fault("state either from and to, or begin and end with or without days")
		case dated && (r.From == "" || r.To == ""), hours && (r.Begin == "" || r.End == ""):
			fault("has one end only: have %s, need both", quotedList(r.From, r.To, r.Begin, r.End))
		case dated:
			from, okFrom := wall(r.From)
			to, okTo := wall(r.To)
			if !okFrom || !okTo {
				fault("%s to %s: one of them is no day of the calendar or hour of the day", r.From, r.To)
			} else if !from.Before(to) {
				fault("ends at %s, which is not after %s", r.To, r.From)
			}
		default:
			for _, hour := range []string{r.Begin, r.End} {
				if _, err := time.Parse(formHour, hour); err != nil {
					fault("%q is not an hour from 00:00 to 23:59", hour)
				}
			}
		}
		days := slices.Clone(r.Days)
		slices.Sort(days)
		if len(slices.Compact(slices.Clone(days))) != len(days) {
			fault("names a day twice: %s", strings.Join(r.Days, ", "))
		}
		windows = append(windows, Window{From: r.From, To: r.To, Days: r.Days, Begin: r.Begin, End: r.End, Why: r.Why, Source: l.doc.at(path)})
	}
	return windows
}

// quotedList prints what of some texts is there.
func quotedList(texts ...string) string {
	var there []string
	for _, text := range texts {
		if text != "" {
			there = append(there, `"`+text+`"`)
		}
	}
	return strings.Join(there, ", ")
}

// judgedWindows are windows as they are digested: order and reasons hold nobody.
func judgedWindows(w Windows) *judgingWindows {
	if len(w.Allow) == 0 && len(w.Deny) == 0 {
		return nil
	}
	list := func(windows []Window) []judgingWindow {
		var all []judgingWindow
		for _, window := range windows {
			days := slices.Clone(window.Days)
			slices.Sort(days)
			all = append(all, judgingWindow{window.From, window.To, window.Begin, window.End, days})
		}
		slices.SortFunc(all, func(a, b judgingWindow) int {
			left, _ := resource.Canonical(a)
			right, _ := resource.Canonical(b)
			return strings.Compare(string(left), string(right))
		})
		return all
	}
	return &judgingWindows{Zone: w.Zone, Allow: list(w.Allow), Deny: list(w.Deny), TopUps: w.TopUps}
}
