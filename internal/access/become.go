package access

type edgeKey struct{}

// Become lists who cannot sign with the key and can come to do so, by the
// shortest path that was found, sorted by principal.
func (w *World) Become(key string) []Path { return nil }
