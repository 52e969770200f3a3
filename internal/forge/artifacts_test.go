package forge_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
)

const workflow = ".github/workflows/plan.yml"

func limits() forge.Limits { return forge.Limits{Zip: 4096, File: 100, Total: 150, Files: 3} }

func run(id int64, number int, change func(*forge.Run)) forge.Run {
	r := forge.Run{ID: id, Number: number, Event: "pull_request", Head: commit(1), Path: workflow + "@refs/heads/change", Status: "completed"}
	r.HeadRepository.Name = forgetest.Repository
	if change != nil {
		change(&r)
	}
	return r
}

func TestTheNewestPlanRunOfAHeadIsFound(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) {
		s.Runs = append(s.Runs, run(10, 1, nil), run(12, 3, nil), run(11, 2, nil),
			run(90, 9, func(r *forge.Run) { r.Path = ".github/workflows/evil.yml" }),
			run(91, 9, func(r *forge.Run) { r.Event = "push" }),
			run(92, 9, func(r *forge.Run) { r.Head = commit(2) }),
			run(93, 9, func(r *forge.Run) { r.HeadRepository.Name = "mallory/environments" }))
	})
	newest, err := w.client.NewestRun(t.Context(), workflow, commit(1))
	w.must(err)
	if newest == nil || newest.ID != 12 {
		t.Fatalf("%+v, want run 12", newest)
	}
	none, err := w.client.NewestRun(t.Context(), workflow, commit(3))
	w.must(err)
	if none != nil {
		t.Fatalf("%+v, want none", none)
	}
	_, err = w.client.NewestRun(t.Context(), workflow, "main")
	w.refused(err, `"main": is no commit`)
}

func TestAnArtifactIsReadWholeAndAsTheForgeSaysItIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	data := zipped(t, file{"staging.plan.json", "{}"})
	sum := sha256.Sum256(data)
	w.server.Set(func(s *forgetest.State) {
		s.Artifacts[7] = []forgetest.Artifact{
			{Artifact: forge.Artifact{ID: 1, Name: "plan-staging", Digest: "sha256:" + hex.EncodeToString(sum[:])}, Zip: data},
			{Artifact: forge.Artifact{ID: 3, Name: "plan-staging", Digest: "sha256:" + strings.Repeat("0", 64)}, Zip: data},
			{Artifact: forge.Artifact{ID: 2, Name: "coverage"}, Zip: data},
		}
	})
	all, err := w.client.Artifacts(t.Context(), 7, "plan-")
	w.must(err)
	if len(all) != 1 || all[0].ID != 3 {
		t.Fatalf("%+v, want the newer of plan-staging", all)
	}
	_, err = w.client.Download(t.Context(), all[0], limits())
	w.refused(err, "its digest is sha256:")
	files, err := w.client.Download(t.Context(), forge.Artifact{ID: 1, Digest: "sha256:" + hex.EncodeToString(sum[:])}, limits())
	w.must(err)
	if string(files["staging.plan.json"]) != "{}" {
		t.Fatalf("%q", files)
	}
	_, err = w.client.Download(t.Context(), forge.Artifact{ID: 1, Name: "x", Expired: true}, limits())
	w.refused(err, "it has expired")
	_, err = w.client.Download(t.Context(), forge.Artifact{ID: 1, Name: "x", Bytes: 5000}, limits())
	w.refused(err, "has 5000 bytes, at most 4096 are read")
	_, err = w.client.Download(t.Context(), forge.Artifact{ID: 99, Name: "x"}, limits())
	w.refused(err, "the store 127.0.0.1 does not give it")
	tight := limits()
	tight.Zip = int64(len(data)) - 1
	_, err = w.client.Download(t.Context(), forge.Artifact{ID: 1, Name: "x"}, tight)
	w.refused(err, "is longer than")
}

func TestAStrangersZipFileHoldsPlainFilesOrNothing(t *testing.T) {
	t.Parallel()
	linked := func() []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		header := &zip.FileHeader{Name: "link.plan.json"}
		header.SetMode(fs.ModeSymlink | 0o777)
		entry, err := w.CreateHeader(header)
		if err == nil {
			_, err = entry.Write([]byte("/etc/passwd"))
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	long := strings.Repeat("a", 101)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"above":      {zipped(t, file{"../x", "a"}), "no plain file"},
		"absolute":   {zipped(t, file{"/x", "a"}), "no plain file"},
		"folder":     {zipped(t, file{"a/b", "a"}), "no plain file"},
		"directory":  {zipped(t, file{"a/", ""}), "no plain file"},
		"backslash":  {zipped(t, file{`a\b`, "a"}), "no plain file"},
		"drive":      {zipped(t, file{"c:x", "a"}), "no plain file"},
		"hidden":     {zipped(t, file{".git", "a"}), "no plain file"},
		"a flag":     {zipped(t, file{"-rf", "a"}), "no plain file"},
		"no name":    {zipped(t, file{"", "a"}), "no plain file"},
		"escapes":    {zipped(t, file{"a\x1b[2J", "a"}), "no plain file"},
		"link":       {linked, "no plain file"},
		"twice":      {zipped(t, file{"a", "1"}, file{"a", "2"}), `"a" twice`},
		"many":       {zipped(t, file{"a", ""}, file{"b", ""}, file{"c", ""}, file{"d", ""}), "holds 4 files, at most 3"},
		"large":      {zipped(t, file{"a", long}), "is longer than 100 bytes"},
		"altogether": {zipped(t, file{"a", long[1:]}, file{"b", long[1:]}), "b: is longer than 50 bytes"},
		"bomb":       {zipped(t, file{"a", strings.Repeat("0", 10<<20)}), "is longer than 100 bytes"},
		"no zip":     {[]byte("<html>"), "is no zip file"},
		"nothing":    {nil, "is no zip file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := forge.Unzip(c.data, limits())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%q, %v, want %q", files, err, c.want)
			}
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("%q holds an escape", err)
			}
		})
	}
}

func FuzzUnzipNeverGivesMoreThanItsLimits(f *testing.F) {
	f.Add(zipped(f, file{"a", "1"}, file{"b", strings.Repeat("x", 100)}))
	f.Add(zipped(f, file{"../a", "1"}))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := forge.Unzip(data, limits())
		if err != nil {
			return
		}
		total := 0
		for name, text := range files {
			total += len(text)
			if len(text) > 100 || strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") {
				t.Errorf("%q of %d bytes", name, len(text))
			}
		}
		if total > 150 || len(files) > 3 {
			t.Errorf("%d files, %d bytes", len(files), total)
		}
	})
}
