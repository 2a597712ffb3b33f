// Runs the mesh part of the Gateway API conformance suite as a plain program, so that it is built and kept like the others.
// Its flags are the suite's and those of "go test"; KUBECONFIG names the cluster.
package main

import (
	"regexp"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/gateway-api/conformance"
	tests "sigs.k8s.io/gateway-api/conformance/tests/mesh"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

func main() {
	tests := []testing.InternalTest{{Name: "Mesh", F: run}}
	testing.Main(regexp.MatchString, tests, nil, nil)
}

func run(t *testing.T) {
	options := conformance.DefaultOptions(t)
	options.ConformanceProfiles = []suite.ConformanceProfileName{
		suite.MeshHTTPConformanceProfileName,
		suite.MeshGRPCConformanceProfileName,
	}
	// Not the suite's "all features": these contain Gateway, and a mesh has no GatewayClass.
	named := sets.New[features.FeatureName]()
	for _, test := range tests.MeshConformanceTests {
		named.Insert(test.Features...)
	}
	options.SupportedFeatures = sets.List(named)
	conformance.RunConformanceWithOptions(t, options)
}
