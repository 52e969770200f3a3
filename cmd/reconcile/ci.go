package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newCI(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ci",
		Short: "tell a pull request, an issue or a run what a plan says (GitHub)",
		Long: `ci takes plan files to where people look: a comment of a pull request, the issue
of an environment, the summary of a run. It reads no AWS and no chain, and wants
no credentials of them. On any other forge, reconcile show FILE --format markdown
is the same text.`,
	}
	cmd.AddCommand(newCIComment(a), newCISummary(a), newCIIssue(a))
	return cmd
}

// forgeFlags say which repository of which forge, and as whom.
type forgeFlags struct {
	api, repository     string
	tokenFile, tokenEnv string
}

func (f *forgeFlags) register(a *app, flags *pflag.FlagSet) {
	flags.StringVar(&f.repository, "repository", a.getenv("GITHUB_REPOSITORY"), "owner/name (default $GITHUB_REPOSITORY)")
	flags.StringVar(&f.tokenEnv, "token-env", "GITHUB_TOKEN", "the environment variable that holds the forge's token")
	flags.StringVar(&f.tokenFile, "token-file", "", "the file that holds the forge's token, instead of a variable")
}

// tokenBytes bounds a file that is said to hold a token.
const tokenBytes = 4 << 10

// forgeClient opens the forge. The token is named by a flag and never on the
// command line itself, where every process of the machine could read it.
func (a *app) forgeClient(f forgeFlags) (*forge.Client, error) {
	token := a.getenv(f.tokenEnv)
	if f.tokenFile != "" {
		data, err := readBounded(f.tokenFile, tokenBytes)
		if err != nil {
			return nil, fmt.Errorf("the forge's token: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	if token == "" {
		return nil, withHint(fmt.Errorf("the forge's token: $%s is empty", f.tokenEnv), "in a workflow, give the step env: GITHUB_TOKEN: ${{ github.token }}; elsewhere name a file: --token-file FILE")
	}
	if f.repository == "" {
		return nil, withHint(errors.New("which repository is not known: $GITHUB_REPOSITORY is empty"), "--repository owner/name")
	}
	if f.api == "" {
		f.api = a.getenv("GITHUB_API_URL")
	}
	return forge.New(forge.Options{API: f.api, Repository: f.repository, Token: forge.Token(token), Clock: forge.Wall()})
}

func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s: is no file of at most %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// eventBytes bounds the file that describes what started a run.
const eventBytes = 16 << 20

// pullRequestNumber is that of the pull request which started this run.
func (a *app) pullRequestNumber() (int, error) {
	path := a.getenv("GITHUB_EVENT_PATH")
	missing := withHint(errors.New("which pull request is not known: this run was not started by one"), "--pr N")
	if path == "" {
		return 0, missing
	}
	data, err := readBounded(path, eventBytes)
	if err != nil {
		return 0, fmt.Errorf("$GITHUB_EVENT_PATH: %w", err)
	}
	var event struct {
		PullRequest struct {
			Number int `json:"number"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return 0, fmt.Errorf("$GITHUB_EVENT_PATH: %s: does not read", path)
	}
	if event.PullRequest.Number < 1 {
		return 0, missing
	}
	return event.PullRequest.Number, nil
}

// warn says what went wrong without ending anything for it.
func (a *app) warn(err error) {
	prefix := "warning: "
	if a.getenv("GITHUB_ACTIONS") == "true" {
		prefix = "::warning title=reconcile::"
	}
	text, hint, _ := strings.Cut(err.Error(), "\nhint: ")
	fmt.Fprintln(a.err, prefix+strings.ReplaceAll(view.CILog(text), "%", "%25"))
	var h *hinted
	if errors.As(err, &h) {
		hint = h.hint
	}
	if hint != "" {
		fmt.Fprintln(a.err, "  hint: "+a.escape(hint))
	}
}

// planSuffix is how the names of plan files end that are looked for in a folder.
const planSuffix = ".plan.json"

// readPlans reads plan files, and those of folders, one for each environment. A
// folder may be absent where somebody says what should be in it.
func readPlans(paths []string, absent bool) ([]*plan.Plan, error) {
	if len(paths) == 0 {
		return nil, withHint(errors.New("no plan is named"), "--plan staging.plan.json")
	}
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case absent && errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(path, planSuffix):
			continue
		case err != nil:
			return nil, err
		case !info.IsDir():
			files = append(files, path)
			continue
		}
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && strings.HasSuffix(name, planSuffix) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return decodePlans(files)
}

func decodePlans(files []string) ([]*plan.Plan, error) {
	seen := map[string]string{}
	var plans []*plan.Plan
	for _, file := range files {
		p, err := readPlan(file)
		if err != nil {
			return nil, err
		}
		if other, twice := seen[p.Environment]; twice {
			return nil, fmt.Errorf("%s and %s are both plans of %s", other, file, p.Environment)
		}
		seen[p.Environment] = file
		plans = append(plans, p)
	}
	slices.SortStableFunc(plans, func(a, b *plan.Plan) int { return strings.Compare(a.Environment, b.Environment) })
	return plans, nil
}

// commentPlan is a plan with what is known beside it in its repository.
func (a *app) commentPlan(p *plan.Plan, artifact, next string) view.CommentPlan {
	o := a.showOptions(p)
	o.Artifact = artifact
	if len(p.Changes) > 0 && len(p.Refused()) == 0 && !p.Requires.Forbidden && p.Requires.Approvals > 0 {
		o.Next = next
	}
	return view.CommentPlan{Plan: p, Options: o}
}

// showOptions say how to print a plan that was read from a file: with the names
// of coins and contracts, where this repository knows them.
func (a *app) showOptions(p *plan.Plan) view.Options {
	o := a.viewOptions()
	o.Traits = kinds.Traits()
	if env := a.envAt(p); env != nil {
		o.Coins, o.Explain = coinsOf(env), explainer(env)
	}
	if p.Requires.Approvals > 0 {
		o.Quorum = a.whoMay(p)
	}
	return o
}

// whoMay says who may approve a plan and who wrote it, by the rules of the commit
// that the plan calls the last applied one. Nobody, where this repository lacks it.
func (a *app) whoMay(p *plan.Plan) view.Quorum {
	env, _, err := config.Load(a.options(cmp.Or(p.Revision.Applied, p.Revision.Commit), p.Environment))
	if err != nil {
		return view.Quorum{}
	}
	t := approve.Count(approvalRules(env.Governance), approve.Ballot{Plan: p, Now: a.now().UTC()})
	return view.Quorum{May: t.Eligible, Wrote: t.Authors, Replan: env.Governance.Approvals.Replan}
}

// approveNext is the command by which a reviewer approves.
func approveNext(number int) string { return "reconcile approve --pr " + strconv.Itoa(number) }
