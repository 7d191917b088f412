// The schema that the resolvers answer.

export const typeDefs = /* GraphQL */ `
  scalar DateTime

  type Query {
    org(id: ID!): Org
    user(id: ID!): User
    call(id: ID!): Call
    orgs: [Org!]!
    users(first: Int!, teamId: ID): [User!]!
    prospects(first: Int!, orgId: ID!): [Prospect!]!
    "The newest first."
    calls(first: Int!, after: String, orgId: ID): CallPage!
    callsByIds(ids: [ID!]!): [Call]!
    "Those with the highest scores first."
    bestCalls(first: Int!, userId: ID!): [Call!]!
    callCount(orgId: ID!, from: DateTime!, to: DateTime!): Int!
    callReport(orgId: ID!, from: DateTime!, to: DateTime!): [UserFigures!]!
    analyses(first: Int!): [Analysis!]!
  }

  type Org {
    id: ID!
    name: String
    status: String
    createdAt: DateTime!
    "The newest first."
    users(first: Int!): [User!]!
  }

  type User {
    id: ID!
    name: String
    email: String
    role: String
    status: String
    streak: Float
    createdAt: DateTime!
    org: Org
    "The newest first."
    calls(first: Int!): [Call!]!
  }

  type Prospect {
    id: ID!
    name: String
    companyName: String
    jobTitle: String
    industry: String
    difficulty: String
  }

  type Call {
    id: ID!
    title: String
    duration: Float
    score: Float
    createdAt: DateTime!
    org: Org
    user: User
    prospects: [Prospect!]!
    lines: [Line!]!
    analyses: [Analysis!]!
  }

  type CallPage {
    nodes: [Call!]!
    pageInfo: PageInfo!
  }

  type PageInfo {
    endCursor: String
  }

  type Line {
    index: Int!
    speaker: String!
    speakerName: String
    prospectId: ID
    prospectText: String
    createdAt: DateTime
  }

  type Analysis {
    analysisType: String
    score: Float
    summary: String
    call: Call!
  }

  type UserFigures {
    userId: ID!
    calls: Int!
    meanScore: Float
  }
`;
