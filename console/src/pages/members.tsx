// The members: how each looks from here, and changes that are looked at before they are made.

import { useSignal } from "@preact/signals";
import { number, percent, t } from "../i18n";
import { cluster, isAway, silentSince } from "../node/live";
import type { Cluster, Member } from "../node/types";
import type { Tone } from "../parts/bits";
import { Badge, Card, CommandLine, Empty, Loading, NodeName } from "../parts/bits";
import { Change } from "./change";
import { quoted } from "./data/key";
import { Progress } from "./progress";
import { ringNow } from "./ring_now";

export function Members() {
  const now = cluster.value;
  const chosen = useSignal<string | undefined>(undefined);
  if (!now) return silentSince.value === undefined ? <Loading /> : <Empty icon="bad" title={t("silentNow")} />;
  return (
    <>
      <h1 tabIndex={-1}>{t("page_members")}</h1>
      <Progress />
      <Card id="members" title={t("nodesTitle", { n: now.members.length })} aside={<span class="soft">{t("epochAside", { epoch: String(now.epoch), voters: now.voters.join(", ") })}</span>}>
        <Table now={now} onChoose={(name) => {
          chosen.value = name;
          document.getElementById("change-kind")?.focus();
        }} />
      </Card>
      <div class="columns two">
        <Change now={now} chosen={chosen.value} />
        <Join now={now} />
      </div>
    </>
  );
}

function Table({ now, onChoose }: { now: Cluster; onChoose: (name: string) => void }) {
  const shape = ringNow.value;
  const zoned = now.members.some((member) => member.zone !== null);
  const copies = now.members.reduce((sum, member) => sum + member.copies, 0);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("page_members")}>
      <table class="wide-table">
        <thead>
          <tr>
            <th scope="col">{t("name")}</th>
            <th scope="col">{t("state")}</th>
            <th scope="col" class="number" title={t("ownsTitle")}>{t("owns")}</th>
            <th scope="col" class="number" title={t("holdsTitle")}>{t("holds")}</th>
            <th scope="col" class="number">{t("tokens")}</th>
            <th scope="col" class="number">{t("weight")}</th>
            {zoned && <th scope="col">{t("zone")}</th>}
            <th scope="col" class="number">{t("roundTrip")}</th>
            <th scope="col" class="number" title={t("phiTitle")}>φ</th>
            <th scope="col" class="number">{t("hints")}</th>
            <th scope="col"><span class="hidden">{t("change")}</span></th>
          </tr>
        </thead>
        <tbody>
          {inOrder(now.members).map((member) => {
            const place = shape?.ring.place(member.nodeId) ?? -1;
            const hints = now.hints.find((waiting) => waiting.nodeId === member.nodeId);
            return (
              <tr key={member.nodeId} data-member={member.name}>
                <th scope="row">
                  <NodeName nodeId={member.nodeId} name={member.name} condition={member.condition} />
                  {member.self && <span class="soft"> {t("thisOne")}</span>}
                  <span class="under">{address(member)}</span>
                </th>
                <td><State member={member} voter={now.voters.includes(member.name)} /></td>
                <td class="number" data-label={t("owns")}>{place < 0 ? "–" : percent(shape!.shares[place]! / shape!.ring.partitions)}</td>
                <td class="number" data-label={t("holds")}>{percent(member.copies / Math.max(1, copies))}</td>
                <td class="number" data-label={t("tokens")}>{number(member.tokens)}</td>
                <td class="number" data-label={t("weight")}>{number(member.weight)}</td>
                {zoned && <td data-label={t("zone")}>{member.zone ?? "–"}</td>}
                <td class="number" data-label={t("roundTrip")}>{member.roundTripMs === null || isAway(member.condition) ? "–" : `${number(member.roundTripMs, 2)} ms`}</td>
                <td class="number" data-label="φ">{member.self ? "–" : number(member.phi, 1)}</td>
                <td class="number" data-label={t("hints")}>{hints ? `${number(hints.waiting)}${hints.more ? "+" : ""}${hints.full ? ` (${t("full")})` : ""}` : "0"}</td>
                <td><button type="button" class="quiet small-button" onClick={() => onChoose(member.name)} aria-label={t("changeNode", { name: member.name })}>{t("change")}</button></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/** Those that are away come first; the names in an order that people expect. */
function inOrder(members: Member[]): Member[] {
  return [...members].sort((a, b) => Number(isAway(b.condition)) - Number(isAway(a.condition)) || byName(a.name, b.name));
}

function address(member: Member) {
  if (!/^https?:\/\//.test(member.uri) || member.self) return <span class="mono">{member.uri}</span>;
  return <a class="mono" href={`${member.uri}/console`} rel="noreferrer">{member.uri}</a>;
}

export function stateOf(member: Member): [string, Tone] {
  if (member.state === "leaving") return [t("state_leaving"), "warn"];
  if (member.condition === "up") return [t("state_up"), "good"];
  if (member.condition === "down") return [t("state_down"), "bad"];
  if (member.condition === "suspect") return [t("state_suspect"), "warn"];
  if (member.condition.startsWith("down")) return [t("state_down_here"), "warn"];
  return [t("state_unknown"), "warn"];
}

function State({ member, voter }: { member: Member; voter: boolean }) {
  const [text, tone] = stateOf(member);
  return (
    <span class="badges">
      <Badge tone={tone}>{text}</Badge>
      {member.seed && <Badge tone="plain">{t("seed")}</Badge>}
      {voter && <Badge tone="plain">{t("voter")}</Badge>}
    </span>
  );
}

function Join({ now }: { now: Cluster }) {
  const seed = now.members.find((member) => member.seed && !isAway(member.condition)) ?? now.members.find((member) => member.self);
  const away = now.members.filter((member) => isAway(member.condition));
  return (
    <Card id="join" title={t("joinTitle")}>
      <p class="soft">{t("joinText")}</p>
      <CommandLine line={`alianza start --port 8084 --seeds ${quoted(seed?.uri ?? location.origin)}`} />
      {away.map((member) => (
        <div key={member.nodeId}>
          <p class="soft">{t("replaceText", { name: member.name })}</p>
          <CommandLine line={`alianza start --port 8084 --replace ${quoted(member.name)} --seeds ${quoted(seed?.uri ?? location.origin)}`} />
        </div>
      ))}
    </Card>
  );
}
