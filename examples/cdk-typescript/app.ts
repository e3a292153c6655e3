// A CDK app with two rooms: `npm ci`, then `npx cdk deploy`.
import * as cdk from "aws-cdk-lib/core";
import { Construct } from "constructs";

export interface WorkMailResourceProps {
  /** The WorkMail organization, m- and 32 digits. */
  readonly organizationId: string;
  readonly name: string;
  /** @default "ROOM" */
  readonly type?: "ROOM" | "EQUIPMENT";
  /** Without an address the resource cannot be booked. */
  readonly email?: string;
  readonly description?: string;
  readonly aliases?: string[];
  /** Ids, names or addresses of those who answer for the resource. */
  readonly delegates?: string[];
  /** @default false */
  readonly hidden?: boolean;
  /** Without it, the delegates answer. @default true */
  readonly autoAccept?: boolean;
  /** @default false */
  readonly autoDeclineRecurring?: boolean;
  /** @default true */
  readonly autoDeclineConflicting?: boolean;
  /** Takes over a resource of this name that exists already (`ExistingResource: ADOPT`). @default false */
  readonly adopt?: boolean;
  /** What happens to it when it is taken out of the app; RETAIN leaves it in WorkMail. @default DESTROY */
  readonly removalPolicy?: cdk.RemovalPolicy;
}

/** A meeting room or a piece of equipment: `Custom::WorkMailResource`. */
export class WorkMailResource extends cdk.CustomResource {
  constructor(scope: Construct, id: string, props: WorkMailResourceProps) {
    super(scope, id, {
      resourceType: "Custom::WorkMailResource",
      serviceToken: cdk.Fn.importValue("workmail-resource-ServiceToken"),
      serviceTimeout: cdk.Duration.minutes(10),
      removalPolicy: props.removalPolicy ?? cdk.RemovalPolicy.DESTROY,
      // What is undefined is left out of the template.
      properties: {
        OrganizationId: props.organizationId,
        Name: props.name,
        Type: props.type ?? "ROOM",
        Email: props.email,
        Description: props.description,
        Aliases: props.aliases,
        Delegates: props.delegates,
        HiddenFromGlobalAddressList: props.hidden ?? false,
        BookingOptions: {
          AutoAcceptRequests: props.autoAccept ?? true,
          AutoDeclineRecurringRequests: props.autoDeclineRecurring ?? false,
          AutoDeclineConflictingRequests: props.autoDeclineConflicting ?? true,
        },
        ExistingResource: props.adopt ? "ADOPT" : undefined,
      },
    });
  }

  /** The ResourceId. */
  get resourceId(): string {
    return this.ref;
  }

  /** ENABLED or DISABLED. */
  get state(): string {
    return this.getAttString("State");
  }
}

/** A board room that its delegates answer for, and a phone booth. */
class RoomsStack extends cdk.Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id, { description: "Two rooms, from the AWS CDK" });
    const organizationId = new cdk.CfnParameter(this, "OrganizationId", {
      default: "m-d281d0a2fd824be5b6cd3d3ce909fd27",
      allowedPattern: "^m-[0-9a-f]{32}$",
      description: "The WorkMail organization.",
    }).valueAsString;
    const domain = new cdk.CfnParameter(this, "Domain", {
      default: "example.com",
      description: "A verified domain of the organization.",
    }).valueAsString;

    const boardRoom = new WorkMailResource(this, "BoardRoom", {
      organizationId,
      name: "cdk-boardroom",
      email: `cdk-boardroom@${domain}`,
      description: "12 seats, video",
      delegates: ["facilities"],
      autoAccept: false,
    });
    new WorkMailResource(this, "PhoneBooth", {
      organizationId,
      name: "cdk-phonebooth",
      email: `cdk-phonebooth@${domain}`,
      autoDeclineRecurring: true,
      removalPolicy: cdk.RemovalPolicy.RETAIN,
    });
    new cdk.CfnOutput(this, "BoardRoomId", { value: boardRoom.resourceId });
    new cdk.CfnOutput(this, "BoardRoomState", { value: boardRoom.state });
  }
}

new RoomsStack(new cdk.App(), "rooms");
