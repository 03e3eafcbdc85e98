// What every replica holds of one item: versions against nodes, hints, and what a read would be answered.

import { bytes, list, moment, t } from "../../i18n";
import type { Explained, ExplainedAnswer, ExplainedNode, ExplainedVersion } from "../../node/types";
import { Badge, Card, CommandLine, NodeName } from "../../parts/bits";
import { Icon } from "../../parts/icons";

export function Explanation({ of, line }: { of: Explained; line: string | undefined }) {
  const replicas = of.nodes.filter((node) => node.replica || node.holds === "record");
  const differs = of.repair.item === "differs";
  const silent = of.nodes.some((node) => node.replica && node.answered !== "yes");
  return (
    <Card id="explanation" title={t("explainTitle")} aside={<Badge tone={differs || silent ? "warn" : "good"}>{differs ? t("replicasDiffer") : silent ? t("replicasSilent") : t("replicasSame")}</Badge>}>
      <p class="soft">{t("explainWhere", { p: of.partition, names: list(of.views.find((view) => view.reads)?.replicas ?? []), by: of.by })}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label={t("explainTitle")}>
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">{t("version")}</th>
              {replicas.map((node) => <th scope="col" key={node.nodeId}><NodeName nodeId={node.nodeId} name={node.name} condition={node.condition} /></th>)}
              <th scope="col" class="number">{t("size")}</th>
              <th scope="col">{t("written")}</th>
              <th scope="col">{t("ends")}</th>
            </tr>
          </thead>
          <tbody>
            {of.versions.length === 0 && <tr><td colSpan={replicas.length + 4} class="soft">{t("nobodyHolds")}</td></tr>}
            {of.versions.map((version) => <VersionRow key={version.dot} version={version} replicas={replicas} />)}
            <tr class="answers-row">
              <th scope="row">{t("answered")}</th>
              {replicas.map((node) => <td key={node.nodeId}>{said(node)}</td>)}
              <td colSpan={3} />
            </tr>
            {replicas.some((node) => node.register) && (
              <tr>
                <th scope="row">{t("promised")}</th>
                {replicas.map((node) => <td key={node.nodeId}><code>{node.register?.promised ?? "–"}</code></td>)}
                <td colSpan={3} />
              </tr>
            )}
          </tbody>
        </table>
      </div>
      {of.hints.waiting.length > 0 && <p class="warn-line"><Icon name="warn" /> {of.hints.waiting.map((hint) => t("hintOnFor", { on: hint.on, for: hint.for })).join(" ")}</p>}
      <h3>{t("whatReads")}</h3>
      <dl class="facts reads">
        {of.answers.one.map((answer) => <div key={answer.at}><dt>one · {answer.at}</dt><dd>{sayAnswer(answer)}</dd></div>)}
        <div><dt>quorum</dt><dd>{of.answers.quorum.map(sayAnswer).join(` ${t("or")} `)}</dd></div>
        {of.answers.all.length > 0 && <div><dt>all</dt><dd>{of.answers.all.map(sayAnswer).join(` ${t("or")} `)}</dd></div>}
      </dl>
      {line && <CommandLine line={line} />}
    </Card>
  );
}

function VersionRow({ version, replicas }: { version: ExplainedVersion; replicas: ExplainedNode[] }) {
  const preview = version.tombstone ? t("tombstone") : (version.value ?? (version.value_base64 !== undefined ? `base64:${version.value_base64}` : ""));
  return (
    <tr class={version.visible ? "" : "faded"}>
      <th scope="row">
        <code>{version.dot}</code>
        <span class="preview">{preview.slice(0, 80)}</span>
      </th>
      {replicas.map((node) => (
        <td key={node.nodeId} class={node.versions?.includes(version.dot) ? "good-text" : "soft"}>
          <Icon name={node.versions?.includes(version.dot) ? "done" : "wait"} />
          <span class="hidden">{node.versions?.includes(version.dot) ? t("holdsIt") : t("holdsItNot")}</span>
        </td>
      ))}
      <td class="number">{version.tombstone ? "–" : bytes(version.bytes)}</td>
      <td title={version.stamp.time}>{moment(version.stamp.millis)}</td>
      <td>{version.expires === null ? "–" : `${moment(version.expires)}${version.expired ? ` (${t("expired")})` : ""}`}</td>
    </tr>
  );
}

function said(node: ExplainedNode) {
  if (node.answered !== "yes") return <Badge tone="bad">{node.answered.startsWith("not asked") ? t("looksDown") : t("notInTime")}</Badge>;
  if (node.holds === "unreadable") return <Badge tone="bad">{t("unreadable")}</Badge>;
  return node.behind ? <Badge tone="warn">{t("behind")}</Badge> : <Badge tone="good">{t("current")}</Badge>;
}

function sayAnswer(answer: ExplainedAnswer): string {
  if (answer.found === false) return t("answerNone");
  if (answer.found) return (answer.versions ?? []).join(" + ");
  if (answer.refused) return t("answerRefused", { needed: answer.refused.needed, got: answer.refused.got });
  if (answer.undecided) return t("answerUndecided");
  return answer.impossible ? t("answerImpossible") : t("answerUnclear");
}
