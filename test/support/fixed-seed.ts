// Property tests always check the same values, so that `make test` has the same result every time. To check others, change the
// seed; a failure prints the seed and the path of its value.
import { configureGlobal } from "fast-check";

configureGlobal({ seed: 1 });
