// confluent-kafka for Python, the newest wheel there is: librdkafka through its most used binding.

import { confluentClient } from "./confluent-client.ts";
import { testScripted } from "./scripted.ts";

testScripted("confluent-kafka", confluentClient);
