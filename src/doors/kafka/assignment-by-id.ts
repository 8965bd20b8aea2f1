// Assignments as messages of the newer group protocols show them: topics by id beside their names.

import type { TopicAssignment, TopicServices } from "../../services.ts";

/** A topic of an assignment. */
export interface AssignedTopic {
  readonly topicId: string;
  readonly topicName: string;
  readonly partitions: readonly number[];
}

/** Topics that have gone meanwhile are left out. */
export function assignmentById(
  assignment: readonly TopicAssignment[],
  topics: Pick<TopicServices, "lookup">,
): readonly AssignedTopic[] {
  return assignment.flatMap(({ topic, partitions }) => {
    const listing = topics.lookup(topic);
    if (listing === null) return [];
    return [{ topicId: listing.topicId, topicName: topic, partitions }];
  });
}
