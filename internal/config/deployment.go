package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// deploymentFormat is the first field of a deployment's file.
const deploymentFormat = "reconcile.deployment/1"

// The file of a deployment, field by field.
type (
	deploymentFile struct {
		Format   string                       `json:"format"`
		ID       string                       `json:"id"`
		Networks map[string]deploymentNetwork `json:"networks"`
	}
	deploymentNetwork struct {
		Contracts map[string]deploymentContract `json:"contracts"`
		Safes     map[string]string             `json:"safes,omitempty"`
	}
	deploymentContract struct {
		Address            string `json:"address"`
		CodeHash           string `json:"codeHash,omitempty"`
		Implementation     string `json:"implementation,omitempty"`
		ImplementationHash string `json:"implementationHash,omitempty"`
	}
)

// ParseDeployment reads a deployment's file strictly: one object, each name once,
// no other fields, addresses with their EIP-55 checksum, hashes of 32 bytes. name
// is its path, for errors. Faults come back together, as Errors.
func ParseDeployment(name string, data []byte) (*Deployment, error) {
	r := deploymentReader{name: name}
	if len(data) > maxFileBytes {
		r.add(resource.Source{File: name}, "", "", "has %d bytes, may have %d", len(data), maxFileBytes)
		return nil, r.err()
	}
	if err := uniqueNames(data); err != nil {
		r.add(resource.Source{File: name}, "", "", "%s", err)
		return nil, r.err()
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var file deploymentFile
	if err := dec.Decode(&file); err != nil {
		r.add(resource.Source{File: name, Line: lineOf(data, dec.InputOffset())}, "", "", "%s", strings.TrimPrefix(jsonCause(err), "json: "))
		return nil, r.err()
	}
	if _, err := dec.Token(); err != io.EOF {
		r.add(resource.Source{File: name}, "", "", "holds something after its object")
		return nil, r.err()
	}
	r.lines = jsonLines(data)
	d := r.deployment(file)
	if err := r.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// JSON writes the deployment's file: the same bytes for the same deployment. What
// ParseDeployment would refuse is an error.
func (d *Deployment) JSON() ([]byte, error) {
	file := deploymentFile{Format: deploymentFormat, ID: d.ID, Networks: map[string]deploymentNetwork{}}
	for _, network := range slices.Concat(slices.Collect(maps.Keys(d.Networks)), slices.Collect(maps.Keys(d.Safes))) {
		contracts := map[string]deploymentContract{}
		for role, c := range d.Networks[network] {
			contracts[role] = deploymentContract(c)
		}
		file.Networks[network] = deploymentNetwork{Contracts: contracts, Safes: d.Safes[network]}
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, err
	}
	data = append(data, '\n')
	if _, err := ParseDeployment(d.ID+".json", data); err != nil {
		return nil, err
	}
	return data, nil
}

// deploymentReader collects the faults of one file.
type deploymentReader struct {
	faults
	name  string
	lines map[string]int
}

func (r *deploymentReader) fault(at, hint, format string, args ...any) {
	r.add(resource.Source{File: r.name, Line: r.lines[at]}, hidden(at), hint, format, args...)
}

// hidden keeps a stranger's names out of the path where they are not plain.
func hidden(at string) string {
	steps := strings.Split(at, "\x00")
	for i := range steps {
		steps[i] = plainName(steps[i])
	}
	return strings.Join(steps, ".")
}

// below makes the path of a value: names may hold dots, so it is joined by zero.
func below(steps ...string) string { return strings.Join(steps, "\x00") }

func (r *deploymentReader) deployment(file deploymentFile) *Deployment {
	d := &Deployment{ID: file.ID, Networks: map[string]map[string]Deployed{}, Safes: map[string]map[string]string{}, Source: resource.Source{File: r.name, Line: 1}}
	if file.Format != deploymentFormat {
		r.fault("format", "write \"format\": \""+deploymentFormat+"\"", "is %s, known is %s", plainName(file.Format), deploymentFormat)
	}
	if !validDeployment(file.ID) {
		r.fault("id", "", "%q is not an id: lower-case letters, digits, dots and hyphens, at most 80", shorten(file.ID))
	}
	for _, network := range slices.Sorted(maps.Keys(file.Networks)) {
		at := below("networks", network)
		if !validNetwork(network) {
			r.fault(at, "", "%q is not a network name: a lower-case letter, then lower-case letters and digits, at most 40", shorten(network))
		}
		stated := file.Networks[network]
		d.Networks[network] = r.contracts(below(at, "contracts"), stated.Contracts)
		if len(stated.Safes) > 0 {
			d.Safes[network] = r.safes(below(at, "safes"), stated.Safes)
		}
	}
	return d
}

func (r *deploymentReader) contracts(at string, stated map[string]deploymentContract) map[string]Deployed {
	found := map[string]Deployed{}
	owners := map[string]string{}
	for _, role := range slices.Sorted(maps.Keys(stated)) {
		c, here := stated[role], below(at, role)
		if !validRole(role) {
			r.fault(here, "", "%q is not a role: a lower-case letter, then letters, digits and hyphens, at most 80", shorten(role))
		}
		r.address(below(here, "address"), c.Address)
		r.hash(below(here, "codeHash"), c.CodeHash)
		r.hash(below(here, "implementationHash"), c.ImplementationHash)
		if c.Implementation != "" {
			r.address(below(here, "implementation"), c.Implementation)
		}
		if other, twice := owners[c.Address]; twice {
			r.fault(below(here, "address"), "", "%s is also %s", plainName(c.Address), plainName(other))
		}
		owners[c.Address] = role
		found[role] = Deployed(c)
	}
	return found
}

func (r *deploymentReader) safes(at string, stated map[string]string) map[string]string {
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(stated)) {
		if !validName(name) {
			r.fault(below(at, name), "", "%q is not the name of a Safe: lower-case letters, digits and hyphens, at most 40", shorten(name))
		}
		r.address(below(at, name), stated[name])
		if other, twice := owners[stated[name]]; twice {
			r.fault(below(at, name), "", "%s is also Safe %s", plainName(stated[name]), plainName(other))
		}
		owners[stated[name]] = name
	}
	return stated
}

func (r *deploymentReader) address(at, stated string) {
	if message, hint := checksum(stated); message != "" {
		r.fault(at, hint, "%s", shortenTo(message, 200))
	}
}

func (r *deploymentReader) hash(at, stated string) {
	if stated != "" && !validHash(stated) {
		r.fault(at, "", "%q is not a code hash: 0x and 64 lower-case hexadecimal digits, not all zero", shorten(stated))
	}
}

// validHash is #Hash of the schema, and not the hash that stands for no code.
func validHash(text string) bool {
	digits, prefixed := strings.CutPrefix(text, "0x")
	return prefixed && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == "" && strings.Trim(digits, "0") != ""
}

// validNetwork is #NetworkName of the schema, and validRole a deployment's role.
func validNetwork(name string) bool {
	return name != "" && len(name) <= 40 && name[0] >= 'a' && name[0] <= 'z' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func validRole(role string) bool {
	return role != "" && len(role) <= 80 && role[0] >= 'a' && role[0] <= 'z' &&
		strings.Trim(role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// validDeployment is #DeploymentID of the schema: also the name of a file.
func validDeployment(id string) bool {
	if id == "" || len(id) > 80 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return false
	}
	return !slices.Contains(strings.Split(strings.ReplaceAll(id, "-", "."), "."), "")
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// jsonLines gives the line of each value of an object by its path; data was
// found to be JSON of bounded depth.
func jsonLines(data []byte) map[string]int {
	dec := json.NewDecoder(bytes.NewReader(data))
	lines := map[string]int{}
	var walk func(path []string)
	walk = func(path []string) {
		token, err := dec.Token()
		if err != nil {
			return
		}
		lines[below(path...)] = lineOf(data, dec.InputOffset())
		switch token {
		case json.Delim('{'):
			for dec.More() {
				name, err := dec.Token()
				if err != nil {
					return
				}
				walk(append(slices.Clone(path), fmt.Sprint(name)))
			}
			_, _ = dec.Token()
		case json.Delim('['):
			for dec.More() {
				walk(append(slices.Clone(path), "[]"))
			}
			_, _ = dec.Token()
		}
	}
	walk(nil)
	return lines
}

// deployment finds where the contracts are: in the overlay's deployment, or in
// the file that the environment names. That file pins what a plan is about, not
// what judges it: it is configuration, reviewed with the plan it moves, and no
// governance.
func (l *lowering) deployment(files []file, overlay *Overlay) {
	id, at := l.doc.raw.Deployment, in("deployment")
	if overlay != nil && len(overlay.Deployment) > 0 && overlay.Environment == l.env.Name {
		if l.env.Class == Mainnet && id != NotDeployed {
			l.fault(at, "take deployment out of the overlay", "is %s, class mainnet admits no other by overlay %s", id, overlay.Name)
			return
		}
		l.deployed(overlay.Name, overlay.Deployment)
		return
	}
	if id == NotDeployed {
		return
	}
	var known []string
	for _, f := range files {
		if path.Base(path.Dir(f.path)) != deploymentsFolder || !strings.HasSuffix(f.path, ".json") || own(f.path) {
			continue
		}
		name := strings.TrimSuffix(path.Base(f.path), ".json")
		if known = append(known, name); name == id {
			l.deployed(f.path, f.data)
			if d := l.env.Deployment; d != nil && d.ID != id {
				l.add(d.Source, "id", "write \"id\": \""+id+"\", or rename the file", "is %s, the file is named %s", d.ID, id)
			}
			return
		}
	}
	l.fault(at, meant(id, append(known, NotDeployed)), "no file %s/%s/%s.json", l.doc.folder, deploymentsFolder, id)
}

// deployed takes a deployment over, if all its networks are known.
func (l *lowering) deployed(name string, data []byte) {
	d, err := ParseDeployment(name, data)
	if err != nil {
		l.take(err)
		return
	}
	for _, network := range slices.Sorted(maps.Keys(d.Networks)) {
		if _, ok := l.env.Network(network); !ok {
			l.add(resource.Source{File: name, Line: jsonLines(data)[below("networks", network)]}, "networks."+network, meant(network, l.networkNames()), "no network %q in this environment", network)
		}
	}
	l.env.Deployment = d
}

// take adds the faults of an error that holds several.
func (f *faults) take(err error) {
	if all, ok := err.(Errors); ok {
		f.list = append(f.list, all...)
	}
}
