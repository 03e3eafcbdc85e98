// A change of the ring that is under way: what it waits for, how far each node is, and the way back.

import { useSignal } from "@preact/signals";
import { bytes, number, span, t } from "../i18n";
import { asProblem, ask } from "../node/ask";
import type { Problem } from "../node/ask";
import { bytesAtMost, changing, cluster, lookNow } from "../node/live";
import type { Member } from "../node/types";
import { Bar, Card, CommandLine, NodeName, Trouble } from "../parts/bits";
import { Icon } from "../parts/icons";

const STEPS = ["acked", "synced", "switched"] as const;

export function Progress() {
  const now = cluster.value;
  const problem = useSignal<Problem | undefined>(undefined);
  if (!now || !changing.value) return null;
  const abort = async () => {
    try {
      await ask("/v1/cluster/abort", {});
      problem.value = undefined;
      void lookNow();
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  const done = bytesAtMost.value - now.bytesLeft;
  return (
    <Card id="progress" title={t("changing", { epoch: String(now.epoch) })} class="progress">
      <ul class="plain-list" lang="en">{now.steps.map((step) => <li key={step}>{step}</li>)}</ul>
      {now.blocked.length > 0 && <ul class="plain-list bad-text" lang="en">{now.blocked.map((why) => <li key={why}>{why}</li>)}</ul>}
      {bytesAtMost.value > 0 && (
        <>
          <Bar label={t("sent")} parts={[{ value: done, tone: "good", name: t("sent") }, { value: now.bytesLeft, tone: "plain", name: t("toSend") }]} />
          <p class="soft">{t("leftHere", { name: now.name, n: now.moving, size: bytes(now.bytesLeft), span: span(now.secondsLeft) })}</p>
        </>
      )}
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">{t("name")}</th>
            {STEPS.map((step) => <th scope="col" key={step}>{t(`step_${step}`)}</th>)}
          </tr>
        </thead>
        <tbody>{now.members.map((member) => <Row key={member.nodeId} member={member} epoch={now.epoch} />)}</tbody>
      </table>
      <div class="actions">
        <button type="button" class="danger quiet" onClick={abort}>{t("abort")}</button>
        <CommandLine line="alianza cluster abort" />
      </div>
      <Trouble problem={problem.value} />
    </Card>
  );
}

const Row = ({ member, epoch }: { member: Member; epoch: number }) => (
  <tr>
    <td><NodeName nodeId={member.nodeId} name={member.name} condition={member.condition} /></td>
    {STEPS.map((step) => (
      <td key={step} class={member.progress[step] >= epoch ? "good-text" : "soft"}>
        <Icon name={member.progress[step] >= epoch ? "done" : "wait"} />
        <span class="hidden">{member.progress[step] >= epoch ? t("yes") : t("notYet")}</span> {number(member.progress[step])}
      </td>
    ))}
  </tr>
);
