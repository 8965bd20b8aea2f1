// @platformatic/kafka 2.x on a newer Node, as it asks for.

import { platformaticClient } from "./platformatic-client.ts";
import { testScripted } from "./scripted.ts";

testScripted("@platformatic/kafka", platformaticClient);
