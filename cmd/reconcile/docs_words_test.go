package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents lists every Markdown file of the repository that people read.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(checkout, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path != checkout && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".github" || entry.Name() == "testdata" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d documents found", len(found))
	}
	return found
}

// namedCommands are what a text shows of our verbs wherever it does: a line of a
// block, or words in code.
func namedCommands(text string) []string {
	shown := regexp.MustCompile("(?m)^(?:    |\t)?(?:\\$ )?(?:bin/)?(reconcile [a-z-].*)$|`(?:bin/)?(reconcile [a-z-][^`]*)`")
	var commands []string
	for _, m := range shown.FindAllStringSubmatch(text, -1) {
		command, _, _ := strings.Cut(m[1]+m[2], " #")
		commands = append(commands, strings.TrimSpace(command))
	}
	return commands
}

// wrongOf says which word of a command is none of ours; empty: none.
func wrongOf(command string) string {
	root := newRoot(&app{out: &bytes.Buffer{}, err: &bytes.Buffer{}, getenv: func(string) string { return "" }})
	words := strings.Fields(command)[1:]
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	for _, word := range rest {
		name, isFlag := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(name, "=")
		switch {
		case isFlag && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil:
			return cmd.CommandPath() + " has no flag --" + name
		case !isFlag && cmd.HasSubCommands():
			return cmd.CommandPath() + " has no verb " + word
		}
	}
	return ""
}

func TestEveryVerbAndFlagThatADocumentNamesIsThere(t *testing.T) {
	t.Parallel()
	found := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range namedCommands(string(text)) {
			found++
			if wrong := wrongOf(command); wrong != "" {
				t.Errorf("%s: %q: %s", filepath.Base(document), command, wrong)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d commands found", found)
	}
	for _, c := range []struct{ command, wrong string }{
		{"reconcile applaud FILE", "unknown command"}, {"reconcile plan ENV --loud", "no flag --loud"}, {"reconcile ci shout --plan FILE", "no verb shout"},
	} {
		if wrong := wrongOf(c.command); !strings.Contains(wrong, c.wrong) {
			t.Errorf("%q: %q, want %q", c.command, wrong, c.wrong)
		}
	}
}

// TestTheFirstPageListsEveryVerb compares the README's table with the verbs there are.
func TestTheFirstPageListsEveryVerb(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(checkout, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(sectionOf(string(text), "## Verbs")) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(first, -1) {
			if strings.HasPrefix(line, "|") {
				listed = append(listed, m[1])
			}
		}
	}
	root := newRoot(&app{getenv: func(string) string { return "" }})
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && !slices.Contains(listed, cmd.Name()) {
			t.Errorf("README.md lists no verb %s", cmd.Name())
		}
		listed = slices.DeleteFunc(listed, func(name string) bool { return name == cmd.Name() })
	}
	if len(listed) > 0 {
		t.Errorf("README.md lists verbs that are not there: %v", listed)
	}
}

// sectionOf is the text below a heading, to the next one of its rank.
func sectionOf(text, heading string) string {
	_, after, _ := strings.Cut(text, "\n"+heading+"\n")
	section, _, _ := strings.Cut(after, "\n## ")
	return section
}

// TestWhatTheThreatModelIsShownByIsThere looks for each script and test that it names.
func TestWhatTheThreatModelIsShownByIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(checkout, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := namesOfTests(t)
	found := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+|[a-z0-9-]+(?:_[A-Za-z0-9-]+){3,})`").FindAllStringSubmatch(string(text), -1) {
		found++
		_, err := os.Stat(filepath.Join("testdata", "script", m[1]+".txtar"))
		if !tests[m[1]] && err != nil {
			t.Errorf("docs/threat-model.md: %s is no test and no script", m[1])
		}
	}
	if found < 30 {
		t.Errorf("only %d tests are named", found)
	}
}

// namesOfTests are all test functions of the repository.
func namesOfTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, folder := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(checkout, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range function.FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
